"""alpha is in maintenance."""

from tests.contract.lab_process import eventually
from tests.contract.sandbox import UNDER_HA
from tests.contract.stage import Act, Situation, Stage


def _enter(stage: Stage) -> None:
    stage.lab.ctl("maintenance", "alpha", "on")

    def is_known() -> bool:
        rows = stage.do("GET", "/cluster/resources", type="node")
        return any(row.get("hastate") == "maintenance" for row in rows)

    eventually(is_known)


SITUATION = Situation(
    name="maintenance",
    scenario=UNDER_HA,
    acts=(
        Act(
            "maintenance-manager maintenance-resources maintenance-nodes maintenance-node-status"
            " maintenance-ha-status-later",
            before=_enter,
        ),
    ),
)
