"""HA from nothing: guests are added, started, stopped, given rules, disarmed, taken out again."""

from typing import Any

from tests.contract.lab_process import eventually
from tests.contract.sandbox import cluster, container, vm
from tests.contract.stage import Act, Shows, Situation, Stage

NODES = ("alpha", "beta", "gamma")
RESOURCES = "/cluster/ha/resources"
RULE = "/cluster/ha/rules/prefer-beta"


def _managers(stage: Stage, command: str) -> None:
    for node in NODES:
        stage.lab.ctl("service", node, "pve-ha-crm", command)


def _services(stage: Stage) -> dict[str, str]:
    rows = stage.do("GET", "/cluster/ha/status/current")
    return {row["sid"]: row["state"] for row in rows if row["type"] == "service"}


def _add_without_a_manager(stage: Stage) -> None:
    _managers(stage, "stop")
    form = {"sid": "vm:1100", "state": "started", "max_restart": 1, "max_relocate": 1}
    stage.do("POST", RESOURCES, **form, comment="hello")
    stage.do("POST", RESOURCES, sid="vm:1103", state="stopped")


def _the_manager_comes(stage: Stage) -> None:
    _managers(stage, "start")
    settled = {"vm:1100": "started", "vm:1103": "stopped"}
    eventually(lambda: _services(stage) == settled)


def _comment_goes(stage: Stage) -> None:
    stage.do("PUT", f"{RESOURCES}/vm:1103", state="started")


def _is_started(stage: Stage) -> None:
    eventually(lambda: _services(stage)["vm:1103"] == "started")


def _rule_is_made(stage: Stage) -> None:
    rule = {"type": "node-affinity", "rule": "prefer-beta", "resources": "vm:1100"}
    stage.do("POST", "/cluster/ha/rules", **rule, nodes="beta:1")


def _is_disarmed(stage: Stage) -> None:
    eventually(lambda: set(_services(stage).values()) == {"freeze"})


def _stop_both(stage: Stage) -> None:
    for sid in ("vm:1100", "vm:1103"):
        stage.do("PUT", f"{RESOURCES}/{sid}", state="stopped")


def _one_more(stage: Stage) -> None:
    stage.do("POST", RESOURCES, sid="vm:1101")


def _sids(rows: Any) -> set[str]:
    return {row["sid"] for row in rows}


SITUATION = Situation(
    name="ha_configured",
    scenario=cluster(
        vm(1100, "beta", tags="prod;web", onboot=True),
        vm(1101, "beta", running=False),
        vm(1102, "gamma", running=False),
        vm(1103, "gamma", running=False),
        container(1200, "alpha"),
    ),
    acts=(
        Act("ha-after-add-00-status-current", before=_add_without_a_manager),
        Act(
            """
            ha-after-add-01-status-current ha-after-add-03-status-current
            ha-after-add-04-status-current ha-after-add-06-status-current
            ha-after-add-07-status-current ha-after-add-10-status-current
            ha-after-add-11-status-current ha-resources-cluster-resources
            ha-put-delete-comment
            """,
            before=_the_manager_comes,
        ),
        Act("ha-after-start-00-status-current", before=_comment_goes),
        Act(
            """
            ha-after-start-01-status-current ha-after-start-03-status-current
            ha-after-start-04-status-current ha-after-start-05-status-current
            ha-migrate-current-node
            """,
            before=_is_started,
        ),
        Act(
            """
            ha-rules-duplicate ha-rules-create-unknown-node ha-rules-get-unknown ha-rules-put
            ha-disarm
            """,
            before=_rule_is_made,
        ),
        Act("ha-disarmed-status ha-arm", before=_is_disarmed),
        Act("ha-stopped-resources ha-stopped-status", before=_stop_both),
        Act("ha-delete-purge ha-delete-vm103", before=_one_more),
    ),
    shows={
        "ha-put-delete-comment": Shows(f"{RESOURCES}/vm:1100", lambda row: "comment" not in row),
        "ha-rules-put": Shows(RULE, lambda rule: rule["disable"] == 1),
        "ha-disarm": Shows(
            "/cluster/ha/status/current",
            lambda rows: any(row.get("armed-state") == "disarmed" for row in rows),
        ),
        "ha-arm": Shows(
            "/cluster/ha/status/current",
            lambda rows: any(row.get("armed-state") == "armed" for row in rows),
        ),
        "ha-delete-purge": Shows(RESOURCES, lambda rows: "vm:1101" not in _sids(rows)),
        "ha-delete-vm103": Shows(RESOURCES, lambda rows: _sids(rows) == {"vm:1100"}),
    },
)
