"""The lab answers as Proxmox answered: the recordings' requests, asked of a lab.

Nodes are renamed and guests renumbered, so that nothing canned would pass.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.contract.lab_process import LabProcess, eventually, running
from tests.contract.lab_recordings import differences, load, replay

SPEED = 120
VIEWER = "viewer@pve"

HEALTHY = """
version version-unauth head-version err-method-not-implemented err-patch err-put-on-get-only
get-nosuch auth-domains-unauth auth-ticket-get auth-ticket-bad-password auth-ticket-unknown-user
auth-ticket-unknown-realm auth-ticket-path-privs-fail auth-ticket-new-format
auth-ticket-from-pve1-used-on-pve2 err-post-no-csrf err-post-bad-csrf tok-unknown tok-malformed
tok-full-post-no-csrf-needed
get-access-acl get-access-acl-2 get-access-domains get-access-groups get-access-roles
tok-ro-get-access-acl tok-ro-get-access-permissions tok-ro-get-access-roles
tok-ro-get-access-users tok-same-get-access-acl viewer-permissions-other-user
viewer-ticket-resources acl-bad-path acl-bad-role role-create role-create-badpriv
user-create-duplicate user-create-shortpw token-create-duplicate
tok-ro-get-cluster-config-nodes tok-ro-get-cluster-ha-resources tok-ro-get-cluster-log
tok-ro-get-cluster-resources tok-ro-get-cluster-status tok-ro-get-nodes-pve1-disks-lvm
tok-ro-get-nodes-pve1-qemu-100-config tok-ro-get-nodes-pve1-qemu-100-status-current
tok-ro-get-nodes-pve1-qemu tok-ro-get-nodes-pve1-status tok-ro-get-nodes-pve1-storage
tok-ro-get-nodes-pve1-tasks tok-ro-get-nodes tok-ro-get-nosuch tok-ro-get-storage
tok-ro-get-version tok-ro-post-badparam tok-ro-post-migrate tok-ro-post-start
tok-same-get-cluster-ha-status-current tok-same-get-cluster-log tok-same-get-cluster-options
tok-same-get-cluster-resources tok-same-get-cluster-status tok-same-get-cluster-tasks
tok-same-get-nodes-nosuch-status tok-same-get-nodes-pve1-qemu-100-migrate
tok-same-get-nodes-pve1-qemu-100-status-current tok-same-get-nodes-pve1-qemu
tok-same-get-nodes-pve1-tasks tok-same-get-nodes tok-same-post-badparam tok-same-post-migrate
get-cluster-config-nodes get-cluster-config-qdevice get-cluster-config-totem get-cluster-ha-rules
get-cluster-ha-status-manager-status get-cluster-log get-cluster-nextid get-cluster-resources
get-cluster-resources-type=network get-cluster-resources-type=node get-cluster-resources-type=pool
get-cluster-resources-type=qemu get-cluster-resources-type=sdn get-cluster-resources-type=vm
cluster-config-join-info qdevice-join-info
get-nodes get-nodes-pve1 get-nodes-pve2-status get-nodes-pve2-storage get-nodes-pve1-storage
get-nodes-pve2-disks-lvm get-nodes-pve1-storage-nosuch-status get-storage get-storage-nosuch
get-nodes-pve1-status-nosuch=1 get-nodes-pve1-rrddata get-nodes-pve1-rrddata-timeframe=bogus
get-nodes-pve1-rrddata-timeframe=hour get-nodes-pve1-rrddata-timeframe=day
get-nodes-pve1-lxc get-nodes-pve1-qemu-full=1 get-nodes-pve1-qemu-100
get-nodes-pve1-qemu-100-migrate get-nodes-pve1-qemu-100-pending
get-nodes-pve1-qemu-100-rrddata-timeframe=hour-cf=AVERAGE get-nodes-pve1-qemu-100-status-current
get-nodes-pve1-qemu-101-migrate-target=pve2 get-nodes-pve1-qemu-101-status-current
get-nodes-pve1-qemu-999-config get-nodes-pve1-qemu-999-status-current qemu-path-for-a-ct
lxc-200-get lxc-200-get-migrate lxc-200-get-pending lxc-200-get-status
lxc-200-get-status-current lxc-list lxc-path-for-a-vm lxc-unknown
err-post-start-unknown-vm err-vm-start-already-running vm-suspend-not-running
vm101-unlock-skiplock-as-token migrate-running-without-online migrate-to-self migrate-to-unknown
migrate-unknown-vm get-cluster-tasks-2 get-nodes-pve1-tasks-limit=2
get-nodes-pve1-tasks-active get-nodes-pve1-tasks-start=1-limit=1 get-nodes-pve1-tasks-vmid=100
ha-add-bad-sid ha-add-bad-sid2 ha-add-bad-state ha-add-ct-for-vm ha-add-nonexistent-vm
ha-add-with-group ha-groups-create ha-migrate-unknown-sid ha-put-unknown ha-add-vm100
ha-add-duplicate
"""

UNDER_HA = """
ha-resources ha-resources-type ha-put-unknown-param
ha-migrate-unknown-node ha-after-add-09-status-current
"""

NODE_DOWN = """
nodedown-early-qemu nodedown-early-storage nodedown-early-tasks nodedown-early-vm102-config
nodedown-cluster-log nodedown-cluster-status-early nodedown-cluster-tasks nodedown-nodes-early
nodedown-resources-early nodedown-ha-status nodedown-ha-manager nodedown-post-start
nodedown-migrate-to-dead-node
"""

NO_QUORUM = """
noquorum-ha-add noquorum-ha-put noquorum-ha-status noquorum-log noquorum-login noquorum-migrate
noquorum-nodes noquorum-resources noquorum-vm-start noquorum-vm-stop-ha
"""

NO_QUORUM_FOR_FIVE_MINUTES = "noquorum-5min-nodes noquorum-5min-resources"


def _guest(vmid: int, node: str, *, running: bool, ha: bool, **rest: Any) -> dict[str, Any]:
    common = {"vmid": vmid, "node": node, "running": running, "ha": ha, "kind": "qemu"}
    sizes = {"memory_mib": 128, "disk_gib": 1, "cores": 1, "storage": "shared1"}
    return {**common, **sizes, "name": f"guest{vmid}", **rest}


def _scenario(*, under_ha: bool) -> dict[str, Any]:
    """The sandbox cluster's shape: three nodes, four VMs, a container, two directories."""
    ha = under_ha
    return {
        "cluster": "realpve",
        "nodes": [{"name": name} for name in ("alpha", "beta", "gamma")],
        "storages": [
            {"storage": "local", "type": "dir", "content": "iso,images", "path": "/var/lib/vz"},
            {
                "storage": "shared1",
                "type": "dir",
                "content": "iso,images,rootdir",
                "shared": True,
                "path": "/mnt/shared",
            },
        ],
        "guests": [
            _guest(1100, "alpha", running=True, ha=ha, tags="prod;web", onboot=True),
            _guest(1101, "beta" if ha else "alpha", running=ha, ha=False),
            _guest(1102, "gamma" if ha else "beta", running=ha, ha=False),
            _guest(1103, "alpha" if ha else "gamma", running=ha, ha=ha),
            _guest(1200, "alpha", running=False, ha=False, kind="lxc", cores=2, disk_gib=4),
        ],
    }


@contextmanager
def _replayed(folder: Path, *, under_ha: bool) -> Iterator[tuple[LabProcess, dict[str, str]]]:
    """A lab in the sandbox's shape, with its viewer and tokens; and their secrets."""
    path = folder / f"sandbox-{under_ha}.json"
    path.write_text(json.dumps(_scenario(under_ha=under_ha)))
    with running(str(path), SPEED) as lab:
        yield lab, _make_viewer(lab)


def _make_viewer(lab: LabProcess) -> dict[str, str]:
    root, password = lab.sign_in(), lab.ready["root_password"]
    secrets = {"realpve123": password, "root@pam": password, VIEWER: "viewer12345"}

    def make(method: str, path: str, **form: object) -> Any:
        answer = lab.ask(method, path, form, headers=root)
        assert answer.status == 200, answer
        return answer.data

    make("POST", "/access/users", userid=VIEWER, password="viewer12345")
    for user, name, privsep in ((VIEWER, "ro", 1), (VIEWER, "same", 0), ("root@pam", "full", 0)):
        made = make("POST", f"/access/users/{user}/token/{name}", privsep=privsep)
        secrets[f"{user}!{name}"] = made["value"]
    form = {"path": "/vms/1100", "users": VIEWER, "roles": "PVEAuditor"}
    assert lab.ask("PUT", "/access/acl", form, headers=root).status == 200
    return secrets


def _compare(lab: LabProcess, secrets: dict[str, str], facts: Path, names: str) -> None:
    recordings = facts / "pve" / "recordings"
    differing = {}
    wanted = [name for name in names.split() if (recordings / f"{name}.json").is_file()]
    for name in wanted:
        recording = load(recordings, name)
        found = differences(recording, replay(lab, recording, secrets))
        if found:
            differing[name] = found
    assert len(wanted) > 1
    assert not differing, json.dumps(differing, indent=1)


def test_a_healthy_cluster_answers_as_recorded(facts: Path, tmp_path: Path) -> None:
    with _replayed(tmp_path, under_ha=False) as (lab, secrets):
        _compare(lab, secrets, facts, HEALTHY)


def test_without_a_node_and_without_quorum_the_answers_are_as_recorded(
    facts: Path, tmp_path: Path
) -> None:
    with _replayed(tmp_path, under_ha=True) as (lab, secrets):
        _compare(lab, secrets, facts, UNDER_HA)
        lab.ctl("crash", "gamma")
        time.sleep(8 / SPEED + 0.1)
        _compare(lab, secrets, facts, NODE_DOWN)
        lab.ctl("guest", "1101", "unlock", "now")
        lab.ctl("crash", "beta")
        time.sleep(40 / SPEED)
        _compare(lab, secrets, facts, NO_QUORUM)
        eventually(lambda: _status_of(lab, 1101) == "unknown")
        _compare(lab, secrets, facts, NO_QUORUM_FOR_FIVE_MINUTES)


def _status_of(lab: LabProcess, vmid: int) -> str:
    rows = lab.ask("GET", "/cluster/resources", {"type": "vm"}).data
    return next(str(row["status"]) for row in rows if row["vmid"] == vmid)


def test_a_disabled_and_an_expired_viewer_are_turned_away(facts: Path, tmp_path: Path) -> None:
    recordings = facts / "pve" / "recordings"
    with _replayed(tmp_path, under_ha=False) as (lab, secrets):
        root, ticket = lab.sign_in(), lab.sign_in(VIEWER, "viewer12345")
        for name in ("user-disable", "user-enable"):
            recording = load(recordings, name)
            answer = lab.ask(recording.method, recording.path, recording.params, headers=root)
            assert not differences(recording, answer)
            refused = lab.ask("GET", "/version", headers=ticket)
            assert not differences(load(recordings, "viewer-ticket-after-disable"), refused)
        _compare(lab, secrets, facts, "viewer-token-after-expire viewer-token-after-expire")


@pytest.mark.parametrize("name", ["cluster-tasks", "tasks-active", "tasks-all", "tasks-default"])
def test_task_lists_during_a_migration_are_as_recorded(
    facts: Path, moving: LabProcess, name: str
) -> None:
    recording = load(facts / "pve" / "recordings", f"{name}-during-migrate")
    path = recording.path.replace("beta", "master")
    answer = moving.ask("GET", path, recording.params)
    assert not differences(recording, answer)


@pytest.fixture(scope="module")
def moving() -> Iterator[LabProcess]:
    """A lab in which a migration is on its way behind a slow link."""
    with running("clusterubd", SPEED) as lab:
        root = lab.sign_in()
        assert lab.ask("DELETE", "/cluster/ha/resources/vm:100", headers=root).status == 200
        start = "/nodes/master/qemu/100/status/start"
        lab.end_of(lab.ask("POST", start, headers=root).data)
        lab.ctl("slow-link", "master", "slave", "5")
        order = {"target": "slave", "online": 1}
        moved = lab.ask("POST", "/nodes/master/qemu/100/migrate", order, headers=root)
        assert moved.status == 200, moved
        yield lab
