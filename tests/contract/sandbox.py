"""The recordings' own cluster as a scenario: three nodes, four VMs, a container, two directories.

Nodes have other names and guests other numbers (`lab_recordings.renamed`), so that nothing canned
passes.
"""

from __future__ import annotations

from typing import Any

from tests.contract.stage import Stage

VIEWER = "viewer@pve"
VIEWER_PASSWORD = "viewer12345"

NODES = [{"name": name} for name in ("alpha", "beta", "gamma")]
STORAGES = [
    {"storage": "local", "type": "dir", "content": "iso,images", "path": "/var/lib/vz"},
    {
        "storage": "shared1",
        "type": "dir",
        "content": "iso,images,rootdir",
        "shared": True,
        "path": "/mnt/shared",
    },
]


def vm(vmid: int, node: str, *, running: bool = True, ha: bool = False, **more: Any) -> Any:
    """A small virtual machine on shared1."""
    common = {"vmid": vmid, "node": node, "running": running, "ha": ha, "kind": "qemu"}
    sizes = {"memory_mib": 128, "disk_gib": 1, "cores": 1, "storage": "shared1"}
    return {**common, **sizes, "name": f"guest{vmid}", **more}


def container(vmid: int, node: str, **more: Any) -> Any:
    """A stopped container on shared1."""
    return {**vm(vmid, node, running=False), "kind": "lxc", "cores": 2, "disk_gib": 4, **more}


def cluster(*guests: Any, **more: Any) -> dict[str, Any]:
    """The scenario with these guests."""
    return {
        "cluster": "realpve",
        "nodes": NODES,
        "storages": STORAGES,
        "guests": list(guests),
        **more,
    }


BEFORE_HA = cluster(
    vm(1100, "alpha", tags="prod;web", onboot=True),
    vm(1101, "alpha", running=False),
    vm(1102, "beta", running=False),
    vm(1103, "gamma", running=False),
    container(1200, "alpha"),
)
UNDER_HA = cluster(
    vm(1100, "alpha", ha=True, tags="prod;web", onboot=True),
    vm(1101, "beta"),
    vm(1102, "gamma"),
    vm(1103, "alpha", ha=True),
    container(1200, "alpha"),
)


def make_viewer(stage: Stage) -> None:
    """viewer@pve, an auditor of guest 1100 only, his two tokens and root's."""
    stage.do("POST", "/access/users", userid=VIEWER, password=VIEWER_PASSWORD)
    stage.secrets[VIEWER] = VIEWER_PASSWORD
    for user, name, privsep in ((VIEWER, "ro", 1), (VIEWER, "same", 0), ("root@pam", "full", 0)):
        made = stage.do("POST", f"/access/users/{user}/token/{name}", privsep=privsep)
        stage.secrets[f"{user}!{name}"] = made["value"]
    stage.do("PUT", "/access/acl", path="/vms/1100", users=VIEWER, roles="PVEAuditor")
