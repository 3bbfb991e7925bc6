"""A single node that was never in a cluster; at the end it makes one."""

from typing import Any

from tests.contract.stage import Act, Shows, Situation, Stage


def _corosync_has_started(stage: Stage) -> None:
    rows = stage.do("GET", "/nodes/alpha/tasks", source="all")
    upid = next(row["upid"] for row in rows if row["type"] == "clustercreate")
    assert stage.lab.end_of(upid)["exitstatus"] == "OK"


def _is_one_cluster(rows: Any) -> bool:
    return [row["name"] for row in rows if row["type"] == "cluster"] == ["realpve"]


SITUATION = Situation(
    name="standalone",
    scenario={"cluster": "", "nodes": [{"name": "alpha"}], "storages": [], "guests": [],
              "standalone": True},
    acts=(
        Act(
            """
            auth-ticket-ok standalone_ standalone_access standalone_cluster
            standalone_cluster_config_join standalone_cluster_config_nodes
            standalone_cluster_config_qdevice standalone_cluster_ha_status_current
            standalone_cluster_ha_status_manager_status standalone_cluster_options
            standalone_cluster_resources standalone_cluster_status standalone_nodes
            standalone_nodes_pve1_storage standalone_storage cluster-create
            """
        ),
        Act(
            "cluster-create-again cluster-config-join-info", before=_corosync_has_started
        ),
    ),
    shows={"cluster-create": Shows("/cluster/status", _is_one_cluster)},
)  # fmt: skip
