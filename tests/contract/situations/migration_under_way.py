"""Migrations from beta are on their way behind a slow link: one plain, then one of HA's."""

from tests.contract.lab_process import eventually
from tests.contract.sandbox import cluster, vm
from tests.contract.stage import Act, Situation, Stage


def _start_a_slow_migration(stage: Stage) -> None:
    stage.finish("POST", "/nodes/beta/qemu/1102/status/start")
    stage.lab.ctl("slow-link", "beta", "gamma", "0.5")
    stage.do("POST", "/nodes/beta/qemu/1101/migrate", target="gamma", online=1)


def _ask_ha_for_another(stage: Stage) -> None:
    stage.do("POST", "/cluster/ha/resources/vm:1100/migrate", node="gamma")

    def is_on_its_way() -> bool:
        status = stage.do("GET", "/cluster/ha/status/manager_status")["manager_status"]
        return bool(status["service_status"]["vm:1100"]["state"] == "migrate")

    eventually(is_on_its_way)


SITUATION = Situation(
    name="migration_under_way",
    scenario=cluster(
        vm(1100, "beta", ha=True),
        vm(1101, "beta", tags="prod;web"),
        vm(1102, "beta", running=False),
        vm(1103, "gamma", ha=True),
        crm_master="alpha",
    ),
    acts=(
        Act(
            "cluster-tasks-during-migrate tasks-active-during-migrate tasks-all-during-migrate"
            " tasks-default-during-migrate",
            before=_start_a_slow_migration,
        ),
        Act("ha-during-migrate-manager-status", before=_ask_ha_for_another),
    ),
)
