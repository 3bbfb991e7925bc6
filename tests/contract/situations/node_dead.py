"""gamma, where the guests under HA were, has been dead for a good minute: HA fences it."""

from tests.contract.lab_process import eventually
from tests.contract.sandbox import cluster, container, make_viewer, vm
from tests.contract.stage import Act, Situation, Stage


def _is_fenced(stage: Stage) -> bool:
    status = stage.do("GET", "/cluster/ha/status/manager_status")["manager_status"]
    return bool(status["node_status"]["gamma"] == "fence")


def _gamma_dies(stage: Stage) -> None:
    stage.lab.ctl("crash", "gamma")
    eventually(lambda: _is_fenced(stage))


SITUATION = Situation(
    name="node_dead",
    speed=30,
    scenario=cluster(
        vm(1100, "gamma", ha=True, tags="prod;web", onboot=True),
        vm(1101, "beta"),
        vm(1102, "gamma"),
        vm(1103, "gamma", ha=True),
        container(1200, "alpha"),
        crm_master="alpha",
    ),
    acts=(
        Act("nodefail-before-resources", before=make_viewer),
        Act(
            "nodedown-ha-manager nodedown-ha-status nodedown-75s-status nodedown-75s-storage"
            " nodedown-nodes-75s nodedown-resources-75s",
            before=_gamma_dies,
        ),
    ),
)
