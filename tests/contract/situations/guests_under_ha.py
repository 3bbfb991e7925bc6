"""What is asked of a guest's node goes to the HA manager instead."""

from tests.contract.sandbox import cluster, vm
from tests.contract.stage import Act, Situation, Stage


def _stop_another(stage: Stage) -> None:
    stage.settle()
    stopped = stage.do("POST", "/nodes/gamma/qemu/1103/status/stop")
    stage.means("ha-guest-stop-via-node-api-log", stopped)


SITUATION = Situation(
    name="guests_under_ha",
    scenario=cluster(vm(1100, "beta", ha=True), vm(1103, "gamma", ha=True)),
    acts=(
        Act("ha-guest-migrate-via-node-api"),
        Act(
            "ha-guest-migrate-via-node-api-log ha-guest-stop-via-node-api-log",
            before=_stop_another,
        ),
    ),
)
