"""beta's pveproxy hangs or is stopped, then its pvedaemon, then its pmxcfs."""

from collections.abc import Callable

from tests.contract.sandbox import UNDER_HA
from tests.contract.stage import Act, Situation, Stage


def _service(name: str, after: str = "") -> Callable[[Stage], None]:
    """Stops one service of beta and starts the one that was stopped before."""

    def before(stage: Stage) -> None:
        if after:
            stage.lab.ctl("service", "beta", after, "start")
        stage.lab.ctl("service", "beta", name, "stop")

    return before


def _freeze(stage: Stage) -> None:
    stage.lab.ctl("api", "beta", "hang")


def _thaw_and_stop(stage: Stage) -> None:
    stage.lab.ctl("api", "beta", "ok")
    stage.lab.ctl("service", "beta", "pveproxy", "stop")


SITUATION = Situation(
    name="services_stopped",
    scenario=UNDER_HA,
    acts=(
        Act("proxy-target-pveproxy-frozen", before=_freeze),
        Act("proxy-target-pveproxy-stopped-get", before=_thaw_and_stop),
        Act(
            "local-pvedaemon-stopped-ha local-pvedaemon-stopped-login"
            " local-pvedaemon-stopped-tokens",
            before=_service("pvedaemon", after="pveproxy"),
        ),
        Act(
            "pmxcfs-stopped-cluster-status pmxcfs-stopped-login pmxcfs-stopped-resources"
            " pmxcfs-stopped-remote-get pmxcfs-stopped-seen-from-pve1 pmxcfs-stopped-version",
            before=_service("pve-cluster", after="pvedaemon"),
        ),
    ),
)
