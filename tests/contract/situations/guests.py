"""A guest's life: made, started, moved, paused, snapshotted, changed, stopped, as it was recorded.

It begins without guests, so that what the recorded requests create is what later ones see.
"""

from typing import Any

from tests.contract.lab_process import eventually
from tests.contract.sandbox import cluster, make_viewer
from tests.contract.stage import Act, Shows, Situation, Stage

STORAGES = [
    {
        "storage": "local",
        "type": "dir",
        "content": "images,backup,vztmpl,snippets,iso,rootdir",
        "path": "/var/lib/vz",
    },
    {
        "storage": "shared1",
        "type": "dir",
        "content": "rootdir,vztmpl,iso,images",
        "shared": True,
        "path": "/mnt/shared",
        "templates": ["tiny-debian_12_amd64.tar.gz"],
    },
]
HELD = "after a stop and a quick start PVE's clean-up held the lock file for half a minute"
IN_USE = "the sandbox could not read the disk of a running guest"


def _fourth_guest(stage: Stage) -> None:
    stage.settle()
    stage.finish("POST", "/nodes/gamma/qemu", vmid=1103, name="vm103", memory=64)
    make_viewer(stage)


def _slow_down(stage: Stage) -> None:
    stage.settle()
    stage.lab.ctl("slow-link", "alpha", "beta", "2")


def _offline_moves(stage: Stage) -> None:
    stage.lab.ctl("heal", "alpha", "beta", "--network", "all")
    stage.settle()
    moved = stage.do("POST", "/nodes/alpha/qemu/1101/migrate", target="beta")
    stage.means("migrate-offline-101-localdisk-log", moved)
    stage.settle()


def _shut_down_again(stage: Stage) -> None:
    stage.settle()
    upid = stage.do("POST", "/nodes/beta/qemu/1101/status/shutdown")
    for name in ("vm101-shutdown-when-stopped-task", "vm101-shutdown-when-stopped-log"):
        stage.means(name, upid)


def _back_to_alpha(stage: Stage) -> None:
    stage.settle()
    stage.finish("POST", "/nodes/beta/qemu/1100/migrate", target="alpha", online=1)


def _under_ha(stage: Stage) -> None:
    stage.settle()
    stage.do("POST", "/cluster/ha/resources", sid="vm:1100")


def _out_of_ha(stage: Stage) -> None:
    stage.settle()
    stage.do("DELETE", "/cluster/ha/resources/vm:1100")


def _unprotected(stage: Stage) -> None:
    stage.settle()
    stage.do("PUT", "/nodes/beta/qemu/1101/config", delete="protection")


def _back_on_beta(stage: Stage) -> None:
    """The recorded move failed on a fault of the sandbox, so its guest was still there."""
    stage.lab.ctl("heal", "beta", "gamma", "--network", "all")
    stage.settle()
    move = {"target": "beta", "online": 1, "with-local-disks": 1}
    stage.finish("POST", "/nodes/gamma/qemu/1101/migrate", **move)


def _copy_slowly(stage: Stage) -> None:
    stage.settle()
    stage.lab.ctl("slow-link", "beta", "gamma", "20")


def _until_it_copies(stage: Stage) -> None:
    task = stage.do("GET", "/nodes/beta/tasks", source="active", typefilter="qmigrate")[0]
    eventually(lambda: any("Formatting" in line for line in stage.lab.log_of(task["upid"])))


def _row(rows: Any, key: str, value: object) -> Any:
    return next(row for row in rows if row[key] == value)


def _settled(recordings: str) -> Act:
    return Act(recordings, before=Stage.settle)


SITUATION = Situation(
    name="guests",
    scenario=cluster(storages=STORAGES),
    acts=(
        Act("vm-create-100 vm-create-101 vm-create-102 vm-create-unknown-param"),
        Act(
            "vm-start-100 tok-ro-get-nodes-pve1-qemu-101-status-current"
            " tok-same-get-nodes-pve1-qemu-101-status-current vm-stop-not-running",
            before=_fourth_guest,
        ),
        _settled(
            "tok-same-get-nodes-pve1-qemu-100-config get-nodes-pve1-qemu-100-agent"
            " tok-same-post-start"
        ),
        Act(
            "migrate-online-100 migrate-during-task-status migrate-during-task-log"
            " migrate-during-config migrate-during-stop-refused",
            before=_slow_down,
        ),
        Act(
            "migrate-online-100-log migrate-online-100-log-limit migrate-online-100-log-limit0"
            " migrate-online-100-log-past-end migrate-online-100-log-asked-of-other-node"
            " migrate-offline-101-localdisk-log migrate-offline-102",
            before=_offline_moves,
        ),
        _settled("migrate-offline-102-log vm-start-101 vm-start-102"),
        _settled("vm101-shutdown-timeout"),
        _settled("vm101-shutdown-timeout-log vm101-suspend"),
        _settled("vm101-suspend-task vm101-suspend-log vm101-status-paused vm101-resume"),
        _settled("vm101-resume-task vm101-reset"),
        _settled("vm101-reset-task vm101-reset-log vm101-migrate-online-localdisk-noflag"),
        _settled(
            "vm101-migrate-online-localdisk-noflag-task vm101-migrate-online-localdisk-noflag-log"
            " vm101-delete-running vm101-stop"
        ),
        _settled("vm101-stop-log vm101-start-again"),
        _settled("vm101-start-again-task vm101-start-again-log vm101-start-already-running"),
        _settled("vm101-start-already-running-log vm101-shutdown-forcestop"),
        _settled(
            "vm101-shutdown-forcestop-task vm101-shutdown-forcestop-log vm101-stop-when-stopped"
        ),
        Act(
            "vm101-stop-when-stopped-task vm101-stop-when-stopped-log"
            " vm101-shutdown-when-stopped-task vm101-shutdown-when-stopped-log"
            " vm101-reboot-when-stopped vm101-snapshot",
            before=_shut_down_again,
        ),
        _settled("vm101-snapshot-task vm101-snapshot-log vm101-snapshots vm101-snapshot-dup"),
        Act(
            "vm100-snapshot-raw vm100-agent-ping vm100-agent-ifaces vm100-vncproxy"
            " vm100-put-config vm100-config-current vm100-config-after vm100-put-bad-digest"
            " qdevice-2of3-down-put",
            before=_back_to_alpha,
        ),
        _settled("vm100-snapshot-raw-task vm100-snapshot-raw-log vm-bulk-stopall"),
        Act("delete-vm-ha-managed", before=_under_ha),
        Act("delete-vm-protection delete-vm-protected", before=_out_of_ha),
        Act("vm101-snapshot-delete qemu-clone-unknown node-startall", before=_unprotected),
        Act(
            "migrate-offline-101-to-cancel task-running-log",
            before=_copy_slowly,
        ),
        Act(
            "task-cancel task-cancel-status task-cancel-log vm101-after-cancel-status"
            " vm101-after-cancel-start",
            before=_until_it_copies,
        ),
        _settled("vm101-after-cancel-status2 migrate-online-101-with-local-disks"),
        _settled("migrate-online-101-with-local-disks-log"),
        Act("qemu-resize", before=_back_on_beta),
        _settled("qemu-resize-bad"),
        _settled("bulk-action-shutdown"),
    ),
    differs={
        "migrate-online-101-with-local-disks-log": IN_USE,
        "vm101-start-already-running-log": HELD,
        "vm101-shutdown-forcestop-log": HELD,
        "vm101-stop-when-stopped-log": HELD,
    },
    shows={
        "vm-create-102": Shows(
            "/nodes/beta/qemu",
            lambda rows: any(row["vmid"] == 1102 for row in rows),
        ),
        "vm101-suspend-log": Shows(
            "/nodes/beta/qemu/1101/status/current", lambda now: now["qmpstatus"] == "paused"
        ),
        "vm100-put-config": Shows(
            "/nodes/alpha/qemu/1100/pending",
            lambda rows: _row(rows, "key", "memory")["pending"] != "128",
        ),
        "qemu-resize-bad": Shows(
            "/nodes/beta/qemu/1101/config", lambda config: "size=1025M" in config["scsi0"]
        ),
        "delete-vm-protection": Shows(
            "/nodes/beta/qemu/1101/config", lambda config: config["protection"] == 1
        ),
        "qdevice-2of3-down-put": Shows(
            "/nodes/alpha/qemu/1100/config",
            lambda config: config["description"] == "still quorate",
        ),
    },
)
