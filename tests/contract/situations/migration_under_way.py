"""A migration from beta is on its way behind a slow link."""

from tests.contract.sandbox import cluster, vm
from tests.contract.stage import Act, Situation, Stage


def _start_a_slow_migration(stage: Stage) -> None:
    stage.finish("POST", "/nodes/beta/qemu/1102/status/start")
    stage.lab.ctl("slow-link", "beta", "gamma", "5")
    stage.do("POST", "/nodes/beta/qemu/1101/migrate", target="gamma", online=1)


SITUATION = Situation(
    name="migration_under_way",
    scenario=cluster(vm(1101, "beta"), vm(1102, "beta", running=False)),
    acts=(
        Act(
            before=_start_a_slow_migration,
            recordings="cluster-tasks-during-migrate tasks-active-during-migrate"
            " tasks-all-during-migrate tasks-default-during-migrate",
        ),
    ),
)
