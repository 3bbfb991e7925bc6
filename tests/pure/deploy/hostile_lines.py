"""Lines that somebody who holds the panel's ssh key may send, and that must get nowhere.

CANARY stands for the path of a file that every successful break-out would change or show.
"""

import itertools

CANARY = "CANARY"
GOOD = ("drbdadm status rs", "cat /proc/drbd")

_TAILS = (
    "; touch CANARY", ";touch CANARY", " ; touch CANARY", " && touch CANARY",
    " || touch CANARY", " | tee CANARY", " > CANARY", " >> CANARY", " < CANARY", " 2> CANARY",
    " & touch CANARY", " $(touch CANARY)", " `touch CANARY`", " ${IFS}touch${IFS}CANARY",
    "\ntouch CANARY", "\r\ntouch CANARY", "\rtouch CANARY", "\ttouch CANARY",
    "\x0btouch CANARY", "\x0ctouch CANARY", "\x1b[A", " #", " *", " ?", " ~", " ~root",
    " [a-z]", " {a,b}", " !!", " %s", " \\", " '", " \"", " ''", " \"\"", " '; touch CANARY'",
    " \"; touch CANARY\"", "\n", "\r", " ", "\t", "\x7f", "\x01", " --", " -", " --force",
    " -f", " --help", " -c CANARY", " --config-file=CANARY", " --config-file CANARY", " -d",
    " CANARY", " all", " rs rs",
)  # fmt: skip

_TARGETS = (
    "", "all", "-f", "--force", "--", "-c", "rs;id", "rs|id", "rs&", "$(id)", "`id`", "$HOME",
    "*", "?", "r?", "[r]s", "{rs,vm}", "../rs", "./rs", "/rs", "rs/", "rs//0", "rs/../x",
    "rs/-1", "rs/x", "rs:", ":rs", "rs:all", "rs:-x", "rs:/0", "rs/0:slave", "rs/000000",
    "'rs'", "\"rs\"", "rs'", "rs\\", "~", "~/rs", "rs=1", "=rs", "%rs", "rs@x", "r\u200bs",
    "\uff52\uff53", "r\u0455", "rs\xa0", "rs\u2028x", "\u202ers", "rs\udcff", "-", ".", "..",
    ".rs", "_rs", "r" * 64, "0" * 5000,
)  # fmt: skip

_OWN_LINES = (
    "", " ", "\n", "sh", "bash", "bash -i", "sh -c id", "/bin/sh", "-c id", "exec sh", "env",
    "id", "rsync --server", "scp -t /root", "/usr/lib/openssh/sftp-server", "internal-sftp",
    "tee CANARY", "drbdadm", "drbdsetup", "cat", "ls", "vgchange", "lvcreate", "lvremove",
    "ha-manager", "VERSION", "version 1", "version --help", " version", "version ",
    "/usr/sbin/drbdadm status", "./drbdadm status", "../sbin/drbdadm status", "DRBDADM status",
    "drbdadm  status", "=drbdadm status", "PATH=/tmp drbdadm status",
    "LD_PRELOAD=CANARY drbdadm status", "env drbdadm status", "sudo drbdadm status",
    "command drbdadm status", "drbdadm -- status", "drbdadm --dry-run status",
    "drbdadm -c /etc/drbd.conf status", "drbdadm status --force", "drbdadm status -- rs",
    "drbdadm down rs", "drbdadm up rs", "drbdadm create-md rs", "drbdadm wipe-md rs",
    "drbdadm dump-md rs", "drbdadm detach rs", "drbdadm attach rs", "drbdadm resize rs",
    "drbdadm outdate rs", "drbdadm new-current-uuid rs", "drbdadm invalidate-remote rs",
    "drbdadm hidden-commands", "drbdadm primary --force rs", "drbdadm primary rs --force",
    "drbdadm -- --force primary rs", "drbdadm primary -f rs",
    "drbdadm primary --overwrite-data-of-peer rs",
    "drbdadm -- --overwrite-data-of-peer primary rs", "drbdadm secondary --force rs",
    "drbdadm connect --discard-my-data", "drbdadm connect rs --discard-my-data",
    "drbdadm connect --discard-my-data --discard-my-data rs",
    "drbdadm connect --discard-my-dat rs", "drbdadm -- --discard-my-data connect rs",
    "drbdadm disconnect --force rs", "drbdadm adjust --config-to-test=CANARY rs",
    "drbdadm adjust", "drbdadm adjust all", "drbdadm invalidate", "drbdadm invalidate all",
    "drbdadm verify", "drbdadm verify --start=0 rs", "drbdsetup status --statistics --json",
    "drbdsetup status --color=always", "drbdsetup down rs", "drbdsetup primary rs --force",
    "drbdsetup detach 0", "drbdsetup events2 rs", "drbdsetup events2 --statistics --statistics",
    "drbdsetup show --json --show-defaults rs", "cat CANARY", "cat /etc/shadow",
    "cat /etc/passwd", "cat /proc/drbd CANARY", "cat -- /proc/drbd", "cat -n /proc/drbd",
    "cat /proc/drbd/../version", "cat /proc//drbd", "cat /proc/self/environ",
    "cat /etc/drbd.d/../shadow", "cat /etc/drbd.d/../../root/.ssh/authorized_keys",
    "cat /etc/drbd.d/", "cat /etc/drbd.d/*.res", "cat /etc/drbd.d/rs.re?",
    "cat /etc/drbd.d/rs.res~", "cat /etc/drbd.d/.res", "cat /etc/drbd.d/..res",
    "cat /etc/drbd.d/x/rs.res", "cat /etc/drbd.d/rs.res/../../shadow", "cat /etc/drbd_d/rs.res",
    "cat etc/drbd.d/rs.res", "cat /etc/drbd.d/rs.res\x00.conf",
    "cat /etc/drbd.d/" + "x" * 100 + ".res", "cat /etc/drbd.d/rs.RES",
    "cat /etc/lvm/lvm.conf.bak", "cat /etc/lvm/archive/vg_drbd_00000.vg",
    "cat /etc/pve/priv/authkey.key", "ls", "ls /", "ls -la /etc/drbd.d", "ls /etc/drbd.d/",
    "ls /etc/drbd.d /root", "ls /etc/drbd.d/..", "lvs -o all", "lvs --options lv_name",
    "lvs --config devices/filter=x", "lvs --reportformat basic", "vgs vg_drbd", "pvs --all",
    "pvs --foreign", "lvs --select lv_name=x", "lvs --profile CANARY", "vgchange -an",
    "vgchange -ay", "vgchange -a n vg_drbd", "vgchange -aey vg_drbd", "vgchange -an pve",
    "vgchange -an vg_mixed", "vgchange -an vg_nosuch", "vgchange -an vg_drbd vg_drbd",
    "vgchange -an -- vg_drbd", "vgchange -an --force vg_drbd", "vgchange vg_drbd -an",
    "vgchange --activate n vg_drbd", "vgremove vg_drbd", "vgchange --addtag x vg_drbd",
    "vgchange -an all", "vgrename vg_drbd x", "pvcreate /dev/sda",
    "lvcreate --snapshot --name hapanel-x --size 1g /dev/pve/drbd-rs",
    "lvcreate --snapshot --name hapanel-x --size 0b /dev/pve/drbd-rs",
    "lvcreate --snapshot --name hapanel-x --size -1b /dev/pve/drbd-rs",
    "lvcreate --snapshot --name hapanel-x --size 99999999999999999b /dev/pve/drbd-rs",
    "lvcreate --snapshot --name hapanel-x --size 1024b /dev/pve/root",
    "lvcreate --snapshot --name hapanel-x --size 1024b /dev/vg_drbd/vm-100-disk-0",
    "lvcreate --snapshot --name hapanel-x --size 1024b pve/drbd-rs",
    "lvcreate --snapshot --name hapanel-x --size 1024b /dev/pve/../pve/drbd-rs",
    "lvcreate --snapshot --name hapanel-x --size 1024b /dev/sda",
    "lvcreate --snapshot --name root --size 1024b /dev/pve/drbd-rs",
    "lvcreate --snapshot --name hapanel- --size 1024b /dev/pve/drbd-rs",
    "lvcreate --snapshot --name hapanel-/x --size 1024b /dev/pve/drbd-rs",
    "lvcreate --snapshot --name xhapanel-x --size 1024b /dev/pve/drbd-rs",
    "lvcreate --name hapanel-x --size 1024b /dev/pve/drbd-rs",
    "lvcreate --size 1024b --name hapanel-x pve",
    "lvcreate --snapshot --size 1024b --name hapanel-x /dev/pve/drbd-rs",
    "lvcreate --snapshot --name hapanel-x --addtag=y /dev/pve/drbd-rs",
    "lvremove pve/hapanel-x", "lvremove --yes pve/root", "lvremove --yes pve",
    "lvremove --yes hapanel-x", "lvremove --yes /dev/pve/hapanel-x",
    "lvremove --yes pve/hapanel-x pve/root", "lvremove --yes pve/../hapanel-x",
    "lvremove --yes vg_drbd/hapanel-x", "lvremove --yes --force pve/hapanel-x",
    "lvremove --yes pve/hapanel-*", "lvremove -y pve/hapanel-x", "lvremove --yes all/hapanel-x",
    "lvremove --yes --select x pve/hapanel-x", "lvremove --yes pve/xhapanel-x",
    "ha-manager status", "ha-manager remove vm:100", "ha-manager set vm:100 --state stopped",
    "ha-manager crm-command migrate vm:100 slave", "ha-manager crm-command stop vm:100 0",
    "ha-manager crm-command node-maintenance enable",
    "ha-manager crm-command node-maintenance enable -x",
    "ha-manager crm-command node-maintenance toggle slave",
    "ha-manager crm-command node-maintenance enable a b",
    "ha-manager crm-command node-maintenance enable sla.ve",
    "ha-manager crm-command node-maintenance enable slave-",
    "ha-manager crm-command disarm-ha freeze",
)  # fmt: skip

_VERBS = ("drbdadm secondary", "vgchange -an")


def hostile_lines() -> list[str]:
    """Every line once, in a fixed order."""
    tails = (good + tail for good, tail in itertools.product(GOOD, _TAILS))
    targets = (f"{verb} {target}" for verb, target in itertools.product(_VERBS, _TARGETS))
    return list(dict.fromkeys([*tails, *targets, *_OWN_LINES]))
