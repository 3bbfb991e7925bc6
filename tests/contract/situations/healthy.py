"""Everything is up and nothing is under HA."""

from typing import Any

from tests.contract.sandbox import BEFORE_HA, VIEWER, VIEWER_PASSWORD
from tests.contract.stage import Act, Shows, Situation, Stage


def _make_user(stage: Stage) -> None:
    stage.do("POST", "/access/users", userid=VIEWER, password=VIEWER_PASSWORD)
    stage.secrets[VIEWER] = VIEWER_PASSWORD


def _make_full_token(stage: Stage) -> None:
    made = stage.do("POST", "/access/users/root@pam/token/full", privsep=0)
    stage.secrets["root@pam!full"] = made["value"]


def _move_slowly(stage: Stage) -> None:
    stage.do("DELETE", "/cluster/ha/resources/vm:1100")
    stage.lab.ctl("slow-link", "alpha", "beta", "0.5")
    stage.do("POST", "/nodes/alpha/qemu/1100/migrate", target="beta", online=1)


def _has_token(name: str, privsep: int) -> Shows:
    path = f"/access/users/{VIEWER}/token/{name}"
    return Shows(path, lambda token: token["privsep"] == privsep)


def _is_auditor_of_1100(rows: Any) -> bool:
    return any(
        (row["path"], row["ugid"], row["roleid"]) == ("/vms/1100", VIEWER, "PVEAuditor")
        for row in rows
    )


ROLE = {"VM.Audit": 1, "VM.PowerMgmt": 1, "Sys.Audit": 1}
BAD_TICKET = {"Cookie": "PVEAuthCookie=PVE%3Aroot%40pam%3A6B03DAD6%3A%3Abm90IG91cnM"}
GARBAGE = {"Cookie": "PVEAuthCookie=garbage"}

SITUATION = Situation(
    name="healthy",
    scenario=BEFORE_HA,
    acts=(
        Act("get-access-users get-access-permissions get-version"),
        Act(
            "token-create-viewer-privsep token-create-viewer-noprivsep acl-vm100-auditor",
            before=_make_user,
        ),
        Act(
            before=_make_full_token,
            recordings="""
auth-ticket-renew-with-ticket err-get-bad-ticket err-get-garbage-ticket
tok-full-permissions root-permissions-of-token viewer-ticket-permissions
tok-same-get-access-roles tok-same-get-cluster-ha-resources tok-same-get-nodes-pve1-services
tok-same-get-nodes-pve1-status tok-same-get-nodes-pve1-storage tok-same-get-nosuch
cluster-options-put cluster-options-get2
get-cluster-backup get-cluster-jobs get-cluster-tasks
get-nodes-nosuch-status get-nodes-pve1-apt-update get-nodes-pve1-apt-versions
get-nodes-pve1-capabilities-qemu-cpu get-nodes-pve1-certificates-info get-nodes-pve1-config
get-nodes-pve1-disks-list get-nodes-pve1-disks-zfs get-nodes-pve1-dns get-nodes-pve1-journal
get-nodes-pve1-netstat get-nodes-pve1-replication get-nodes-pve1-services-pveproxy-state
get-nodes-pve1-services get-nodes-pve1-storage-local-rrddata-timeframe=hour
get-nodes-pve1-storage-shared1-content get-nodes-pve1-syslog
node-cmd-bad node-wakeonlan-unset replication-create-bad
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
vm101-unlock-skiplock-as-token get-cluster-tasks-3 get-nodes-pve1-tasks-source=all-errors=1
migrate-running-without-online migrate-to-self migrate-to-unknown
migrate-unknown-vm get-cluster-tasks-2 get-nodes-pve1-tasks-limit=2
get-nodes-pve1-tasks-active get-nodes-pve1-tasks-start=1-limit=1 get-nodes-pve1-tasks-vmid=100
ha-add-bad-sid ha-add-bad-sid2 ha-add-bad-state ha-add-ct-for-vm ha-add-nonexistent-vm
ha-add-with-group ha-groups-create ha-migrate-unknown-sid ha-put-unknown ha-add-vm100
ha-add-duplicate
""",
        ),
        Act("migrate-during-resources", before=_move_slowly),
    ),
    differs={"get-nodes-pve1-journal": "the recorder's node had no journal reader: an empty body"},
    headers={"err-get-bad-ticket": BAD_TICKET, "err-get-garbage-ticket": GARBAGE},
    shows={
        "token-create-viewer-privsep": _has_token("ro", 1),
        "token-create-viewer-noprivsep": _has_token("same", 0),
        "acl-vm100-auditor": Shows("/access/acl", _is_auditor_of_1100),
        "role-create": Shows("/access/roles/PanelRole", lambda role: role == ROLE),
        "cluster-options-put": Shows(
            "/cluster/options", lambda options: options["migration"] == {"type": "insecure"}
        ),
        "ha-add-vm100": Shows(
            "/cluster/ha/resources/vm:1100", lambda resource: resource["comment"] == "hello"
        ),
    },
)
