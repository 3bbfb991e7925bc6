"""Under HA: first gamma dies, then beta too, so that alpha has no quorum, for five minutes."""

import time

from tests.contract.lab_process import eventually
from tests.contract.sandbox import UNDER_HA, make_viewer
from tests.contract.stage import Act, Situation, Stage


def _gamma_dies(stage: Stage) -> None:
    stage.lab.ctl("watchdogs", "off")  # as where this was recorded
    stage.lab.ctl("crash", "gamma")
    time.sleep(8 / stage.lab.speed + 0.1)


def _beta_dies_too(stage: Stage) -> None:
    stage.lab.ctl("guest", "1101", "unlock", "now")
    stage.lab.ctl("crash", "beta")
    time.sleep(40 / stage.lab.speed)


def _five_minutes_pass(stage: Stage) -> None:
    def is_unknown() -> bool:
        rows = stage.lab.ask("GET", "/cluster/resources", {"type": "vm"}).data
        return any(row["vmid"] == 1101 and row["status"] == "unknown" for row in rows)

    eventually(is_unknown)


SITUATION = Situation(
    name="nodes_lost",
    speed=60,  # a dead node's guests are running for 300 s: time enough on a busy machine
    scenario=UNDER_HA,
    acts=(
        Act(
            before=make_viewer,
            recordings="""
ha-resources ha-resources-type ha-put-unknown-param
ha-migrate-unknown-node ha-after-add-09-status-current
""",
        ),
        Act(
            before=_gamma_dies,
            recordings="""
nodedown-early-qemu nodedown-early-storage nodedown-early-tasks nodedown-early-vm102-config
nodedown-cluster-log nodedown-cluster-status-early nodedown-cluster-tasks nodedown-nodes-early
nodedown-resources-early nodedown-post-start
nodedown-migrate-to-dead-node
""",
        ),
        Act(
            before=_beta_dies_too,
            recordings="""
noquorum-options-put noquorum-storage-create
noquorum-ha-add noquorum-ha-put noquorum-ha-status noquorum-log noquorum-login noquorum-migrate
noquorum-nodes noquorum-resources noquorum-vm-start noquorum-vm-stop-ha
""",
        ),
        Act(
            before=_five_minutes_pass,
            recordings="noquorum-5min-nodes noquorum-5min-resources",
        ),
    ),
)
