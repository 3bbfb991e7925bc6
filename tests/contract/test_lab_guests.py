"""What is done to the lab's guests is what its answers say afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.lab_process import Answer, LabProcess, eventually, running, token_header
from tests.contract.sandbox import cluster, vm
from tests.contract.situations.guests import STORAGES

SPEED = 120
THIN = {"storage": "thin", "type": "lvmthin", "content": "images,rootdir", "vgname": "pve"}
TEMPLATE = "shared1:vztmpl/tiny-debian_12_amd64.tar.gz"


class Admin:
    """root by ticket: requests that must succeed, tasks that must end well, refusals."""

    def __init__(self, lab: LabProcess) -> None:
        self.lab = lab
        self._headers = lab.sign_in()

    def ask(self, method: str, path: str, /, **form: object) -> Answer:
        """One request; underscores in names of parameters are dashes."""
        named = {name.replace("_", "-"): value for name, value in form.items()}
        return self.lab.ask(method, path, named, headers=self._headers)

    def get(self, path: str, /, **form: object) -> Any:
        answer = self.ask("GET", path, **form)
        assert answer.status == 200, answer
        return answer.data

    def do(self, method: str, path: str, /, **form: object) -> Any:
        answer = self.ask(method, path, **form)
        assert answer.status == 200, answer
        return answer.data

    def end(self, method: str, path: str, /, **form: object) -> tuple[str, list[str]]:
        """Exit status and log of the task that the request begins."""
        upid = self.do(method, path, **form)
        return self.lab.end_of(upid)["exitstatus"], self.lab.log_of(upid)

    def done(self, method: str, path: str, /, **form: object) -> list[str]:
        """The log of a task that ends well."""
        status, log = self.end(method, path, **form)
        assert status == "OK", (status, log)
        return log

    def refused(self, method: str, path: str, /, **form: object) -> str:
        answer = self.ask(method, path, **form)
        assert answer.status in (400, 500), answer
        errors = answer.json.get("errors")
        return json.dumps(errors) if errors else answer.reason


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    scenario = cluster(vm(100, "alpha"), vm(101, "beta"), storages=[*STORAGES, THIN])
    path = tmp_path_factory.mktemp("lab") / "guests.json"
    path.write_text(json.dumps(scenario))
    with running(str(path), SPEED) as process:
        yield process


@pytest.fixture
def admin(lab: LabProcess) -> Admin:
    return Admin(lab)


def listed(admin: Admin, vmid: int) -> dict[str, Any] | None:
    rows = admin.get("/cluster/resources", type="vm")
    return next((row for row in rows if row["vmid"] == vmid), None)


def test_a_created_vm_lives_moves_and_is_destroyed(admin: Admin) -> None:
    vmid = int(admin.get("/cluster/nextid"))
    assert vmid == 102
    log = admin.done(
        "POST", "/nodes/alpha/qemu", vmid=vmid, name="new", memory=64, scsi0="thin:2", cores=3
    )
    assert log[-2:] == ["scsi0: successfully created disk 'thin:vm-102-disk-0,size=2G'", "TASK OK"]
    assert admin.get("/cluster/nextid") == "103"
    now = admin.get("/nodes/alpha/qemu/102/status/current")
    assert (now["name"], now["cpus"], now["maxmem"], now["maxdisk"]) == (
        "new",
        3,
        64 << 20,
        2 << 30,
    )
    admin.done("POST", "/nodes/alpha/qemu/102/status/start")
    eventually(lambda: (listed(admin, 102) or {}).get("status") == "running")
    move = {"target": "beta", "online": 1, "with_local_disks": 1, "targetstorage": "local"}
    log = admin.done("POST", "/nodes/alpha/qemu/102/migrate", **move)
    renamed = "volume 'thin:vm-102-disk-0' is 'local:102/vm-102-disk-0.raw' on the target"
    assert any(renamed in line for line in log)
    assert (
        admin.get("/nodes/beta/qemu/102/config")["scsi0"] == "local:102/vm-102-disk-0.raw,size=2G"
    )
    assert (listed(admin, 102) or {})["node"] == "beta"
    admin.do("PUT", "/access/acl", path="/vms/102", users="hapanel@pve", roles="PVEAuditor")
    admin.done("POST", "/nodes/beta/qemu/102/status/stop")
    admin.done("DELETE", "/nodes/beta/qemu/102")
    assert listed(admin, 102) is None
    assert "/vms/102" not in {entry["path"] for entry in admin.get("/access/acl")}
    assert admin.get("/cluster/nextid", vmid=102) == "102"


def test_what_cannot_be_created_leaves_nothing(admin: Admin) -> None:
    there = admin.refused("POST", "/nodes/alpha/qemu", vmid=101)
    assert there == "unable to create VM 101 - VM 101 already exists on node 'beta'"
    assert admin.refused("GET", "/cluster/nextid", vmid=101) == '{"vmid": "VM 101 already exists"}'
    nowhere = admin.refused("POST", "/nodes/alpha/qemu", vmid=140, scsi0="none:1")
    assert nowhere == "storage 'none' does not exist"
    status, _log = admin.end("POST", "/nodes/alpha/qemu", vmid=140, scsi0="thin:vm-9-disk-7")
    assert status == "unable to create VM 140 - volume 'thin:vm-9-disk-7' does not exist"
    assert listed(admin, 140) is None


def test_a_guest_made_in_a_pool_is_a_member_until_it_is_gone(admin: Admin) -> None:
    admin.do("POST", "/pools", poolid="lab")
    assert admin.ask("POST", "/nodes/alpha/qemu", vmid=141, pool="no").status == 403
    admin.done("POST", "/nodes/alpha/qemu", vmid=141, memory=32, pool="lab")
    assert [row["vmid"] for row in admin.get("/pools/lab")["members"]] == [141]
    admin.done("DELETE", "/nodes/alpha/qemu/141")
    assert admin.get("/pools/lab")["members"] == []
    nothing = admin.refused("POST", "/nodes/alpha/qemu", vmid=142, archive="local:backup/x")
    assert nothing == "unable to parse directory volume name 'backup/x'"


def test_a_restricted_token_is_refused_before_anything_is_looked_at(
    lab: LabProcess, admin: Admin
) -> None:
    admin.do("POST", "/access/users", userid="few@pve")
    admin.do("POST", "/access/roles", roleid="Few", privs="VM.Config.Memory,VM.Audit")
    admin.do("PUT", "/access/acl", path="/vms/100", users="few@pve", roles="Few")
    secret = admin.do("POST", "/access/users/few@pve/token/try", privsep=0)["value"]

    def asked(method: str, path: str, **form: object) -> tuple[int, str]:
        answer = lab.ask(method, path, form, headers=token_header("few@pve!try", secret))
        return answer.status, answer.reason

    no = "Permission check failed (/vms/{}, {})".format
    assert asked("DELETE", "/nodes/alpha/qemu/999", nosuch=1) == (403, no(999, "VM.Allocate"))
    config = "/nodes/alpha/qemu/100/config"
    assert asked("PUT", config, cores=2) == (403, no(100, "VM.Config.CPU"))
    assert asked("PUT", config, memory=192)[0] == 200
    assert asked("POST", "/nodes/alpha/qemu", vmid=150) == (403, "Permission check failed")
    stopall = asked("POST", "/nodes/alpha/stopall")
    assert stopall == (403, "Permission check failed (/, VM.PowerMgmt)")


def test_changes_are_refused_by_digest_lock_and_contradiction(admin: Admin) -> None:
    config = "/nodes/beta/qemu/101/config"
    digest = admin.get(config)["digest"]
    admin.do("PUT", config, description="a", digest=digest)
    stale = admin.refused("PUT", config, description="b", digest=digest)
    assert stale == "checksum mismatch (file change by other user?)"
    assert admin.refused("PUT", config) == "no options specified"
    assert "unknown option 'nosuch'" in admin.refused("PUT", config, delete="nosuch")
    both = admin.refused("PUT", config, delete="name", name="x")
    assert "you can't use '-name' and -delete name' at the same time" in both
    admin.do("PUT", config, lock="backup")
    assert admin.refused("PUT", config, description="c") == "VM is locked (backup)"
    status, _log = admin.end("POST", "/nodes/beta/qemu/101/status/reset")
    assert status == "VM is locked (backup)"
    admin.do("PUT", config, delete="lock", skiplock=1)
    assert "lock" not in admin.get(config)


def test_disks_come_go_and_grow(admin: Admin) -> None:
    config = "/nodes/beta/qemu/101/config"
    admin.done("POST", config, scsi1="thin:1")
    assert admin.get(config)["scsi1"] == "thin:vm-101-disk-0,size=1G"
    admin.done("PUT", "/nodes/beta/qemu/101/resize", disk="scsi1", size="+512M")
    assert admin.get(config)["scsi1"].endswith("size=1536M")
    status, _log = admin.end("PUT", "/nodes/beta/qemu/101/resize", disk="scsi1", size="1G")
    assert status == "shrinking disks is not supported"
    admin.do("PUT", config, delete="scsi1")
    assert admin.get(config)["unused0"] == "thin:vm-101-disk-0"
    admin.do("PUT", "/nodes/beta/qemu/101/unlink", idlist="unused0", force=1)
    assert "unused0" not in admin.get(config)


def test_a_disk_moves_to_another_storage_while_its_vm_runs(admin: Admin) -> None:
    admin.done("POST", "/nodes/gamma/qemu", vmid=116, memory=32, scsi0="thin:1")
    guest = "/nodes/gamma/qemu/116"
    admin.done("POST", f"{guest}/status/start")
    move = {"disk": "scsi0", "storage": "local", "format": "qcow2"}
    log = admin.done("POST", f"{guest}/move_disk", **move)
    assert log[0] == "create full clone of drive scsi0 (thin:vm-116-disk-0)"
    assert log[-2:] == ["mirror-scsi0: mirror-job finished", "TASK OK"]
    config = admin.get(f"{guest}/config")
    assert config["scsi0"] == "local:116/vm-116-disk-0.qcow2,size=1G"
    assert config["unused0"] == "thin:vm-116-disk-0"
    same = admin.refused("POST", f"{guest}/move_disk", **move)
    assert same == "you can't move to the same storage with same format"
    gone = admin.refused("POST", f"{guest}/move_disk", disk="scsi1", storage="local")
    assert gone == "disk 'scsi1' does not exist"


def test_a_stop_waits_for_a_shutdown_or_ends_it(admin: Admin) -> None:
    admin.done("POST", "/nodes/gamma/qemu", vmid=110, memory=32)
    status = "/nodes/gamma/qemu/110/status"
    admin.done("POST", f"{status}/start")
    slow = admin.do("POST", f"{status}/shutdown", timeout=1200)
    end, log = admin.end("POST", f"{status}/stop")
    assert end == "can't lock file '/var/lock/qemu-server/lock-110.conf' - got timeout"
    assert log[0] == "trying to acquire lock..."
    admin.done("POST", f"{status}/stop", overrule_shutdown=1)
    assert admin.lab.end_of(slow)["exitstatus"] == "received interrupt"
    assert admin.get(f"{status}/current")["status"] == "stopped"
    admin.done("POST", f"{status}/start")
    log = admin.done("POST", f"{status}/shutdown", timeout=2, forceStop=1)
    assert log == ["VM still running - terminating now with SIGTERM", "TASK OK"]


def test_a_vm_goes_to_disk_and_comes_back_with_its_start(admin: Admin) -> None:
    status = "/nodes/alpha/qemu/100/status"
    admin.done("POST", f"{status}/suspend", todisk=1)
    assert (listed(admin, 100) or {})["lock"] == "suspended"
    assert admin.get(f"{status}/current")["status"] == "stopped"
    assert admin.end("POST", f"{status}/stop")[0] == "VM is locked (suspended)"
    log = admin.done("POST", f"{status}/start")
    assert log == ["Resuming suspended VM", "Resumed VM, removing state", "TASK OK"]
    assert "vmstate" not in admin.get("/nodes/alpha/qemu/100/config")


def test_a_rollback_brings_back_the_configuration_of_then(admin: Admin) -> None:
    admin.done("POST", "/nodes/alpha/qemu", vmid=111, memory=32, scsi0="thin:1", name="old")
    guest = "/nodes/alpha/qemu/111"
    admin.done("POST", f"{guest}/snapshot", snapname="first", description="d")
    admin.do("PUT", f"{guest}/config", name="young")
    admin.done("POST", f"{guest}/snapshot", snapname="second")
    assert [row.get("parent") for row in admin.get(f"{guest}/snapshot")] == [
        None,
        "first",
        "second",
    ]
    assert admin.get(f"{guest}/config", snapshot="first")["name"] == "old"
    admin.done("POST", f"{guest}/snapshot/first/rollback", start=1)
    assert admin.get(f"{guest}/config")["name"] == "old"
    eventually(lambda: admin.get(f"{guest}/status/current")["status"] == "running")
    admin.done("DELETE", f"{guest}/snapshot/first")
    rows = {row["name"]: row for row in admin.get(f"{guest}/snapshot")}
    assert "parent" not in {*rows["second"], *rows["current"]}
    gone = admin.end("POST", f"{guest}/snapshot/first/rollback")[0]
    assert gone == "snapshot 'first' does not exist"
    assert "reserved name" in admin.refused("POST", f"{guest}/snapshot", snapname="current")


def test_a_template_never_starts_and_clones_are_refused(admin: Admin) -> None:
    admin.done("POST", "/nodes/gamma/qemu", vmid=112, memory=32, scsi0="thin:1")
    guest = "/nodes/gamma/qemu/112"
    admin.done("POST", f"{guest}/template")
    assert admin.get(f"{guest}/config")["scsi0"] == "thin:base-112-disk-0,size=1G"
    never = admin.end("POST", f"{guest}/status/start")[0]
    assert never == "you can't start a vm if it's a template"
    taken = admin.refused("POST", f"{guest}/clone", newid=101)
    assert taken == "unable to create VM 101: config file already exists"
    assert admin.ask("POST", f"{guest}/clone", newid=113).status == 501


def test_ha_holds_on_to_its_guests_until_they_are_purged(admin: Admin) -> None:
    admin.done("POST", "/nodes/gamma/qemu", vmid=114, memory=32, ha_managed=1)
    assert "vm:114" in {row["sid"] for row in admin.get("/cluster/ha/resources")}
    held = admin.refused("DELETE", "/nodes/gamma/qemu/114")
    assert held == "unable to remove VM 114 - used in HA resources and purge parameter not set."
    rule = {"type": "node-affinity", "rule": "here", "resources": "vm:114", "nodes": "gamma"}
    admin.do("POST", "/cluster/ha/rules", **rule)
    log = admin.done("DELETE", "/nodes/gamma/qemu/114", purge=1)
    assert admin.get("/cluster/ha/rules") == []
    assert "NOTE: removed VM 114 from HA resource configuration." in log
    assert "vm:114" not in {row["sid"] for row in admin.get("/cluster/ha/resources")}


def test_a_container_lives_too(admin: Admin) -> None:
    admin.done(
        "POST", "/nodes/gamma/lxc", vmid=120, ostemplate=TEMPLATE, rootfs="thin:1", start=1,
        net0="name=eth0,bridge=vmbr0,ip=10.0.0.9/24",
    )  # fmt: skip
    guest = "/nodes/gamma/lxc/120"
    eventually(lambda: admin.get(f"{guest}/status/current")["status"] == "running")
    assert admin.get(f"{guest}/interfaces")[1]["inet"] == "10.0.0.9/24"
    assert admin.refused("POST", f"{guest}/status/start") == "CT 120 already running"
    online = admin.refused("POST", f"{guest}/migrate", target="alpha")
    assert online == "can't migrate running container without --online or --restart"
    admin.do("PUT", f"{guest}/config", memory=256, description="x")
    assert admin.get(f"{guest}/status/current")["maxmem"] == 256 << 20
    assert admin.get(f"{guest}/config")["description"] == "x\n"
    admin.done("POST", f"{guest}/snapshot", snapname="one")
    assert "container is running" in admin.refused("DELETE", guest)
    admin.done("DELETE", guest, force=1)
    assert admin.refused("POST", f"{guest}/status/stop") == "CT 120 not running"


def test_all_guests_of_a_node_stop_start_and_move(admin: Admin) -> None:
    log = admin.done("POST", "/nodes/beta/stopall", vms=101, timeout=90)
    assert log == ["Stopping VM 101 (timeout = 90 seconds)", "TASK OK"]
    assert admin.get("/nodes/beta/qemu/101/status/current")["status"] == "stopped"
    log = admin.done("POST", "/nodes/beta/startall", vms=101, force=1)
    assert log == ["Starting VM 101", "TASK OK"]
    unset = admin.refused("POST", "/nodes/beta/migrateall", target="gamma")
    assert unset.startswith("either 'max-workers' parameter or max_workers")
    log = admin.done("POST", "/nodes/beta/migrateall", target="gamma", vms=101, max_workers=2)
    assert log == [
        "Check VM 101: precondition check passed",
        "Migrating VM 101",
        "All jobs finished, used 1 workers in total.",
        "TASK OK",
    ]
    back = {"vms": 101, "target": "beta", "online": 1}
    log = admin.done("POST", "/cluster/bulk-action/guest/migrate", **back)
    assert log == ["Migrating guests to beta: 101", "Migrating VM 101", "TASK OK"]
    assert (listed(admin, 101) or {})["node"] == "beta"
    status, log = admin.end("POST", "/cluster/bulk-action/guest/start", vms="101")
    assert (status, log[1]) == ("WARNINGS: 1", "WARN: Skipping VM 101, already running.")


def test_what_the_lab_does_not_do_is_not_implemented(admin: Admin) -> None:
    for method, path in (
        ("POST", "/nodes/alpha/qemu/100/dbus-vmstate"),
        ("PUT", "/nodes/alpha/qemu/100/sendkey"),
        ("POST", "/nodes/alpha/qemu/100/monitor"),
        ("POST", "/nodes/alpha/qemu/100/remote_migrate"),
        ("GET", "/nodes/alpha/qemu/100/firewall/rules"),
    ):
        answer = admin.ask(method, path)
        assert (answer.status, answer.reason) == (501, f"Method '{method} {path}' not implemented")
