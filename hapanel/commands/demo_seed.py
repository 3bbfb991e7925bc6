"""What a fresh demo needs: people with tokens, the lab's cluster, the services behind its guests.

Everything here may run again at any time: the lab makes new keys at each start, so its cluster is
brought up to date in place, and what people did in the demo stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from django.conf import settings

from hapanel.access import Role
from hapanel.accounts.models import ApiToken, User
from hapanel.accounts.roles import give_role, make_groups
from hapanel.accounts.vault import seal
from hapanel.helpdesk.models import Service
from hapanel.kernel.refusal import Refused, gettext_noop, refusal_kind
from nodes.models import Cluster, Mode, Reach, SshAccess

PASSWORD = "demo"
PEOPLE = {"ada": Role.ADMINISTRATOR, "oda": Role.OPERATOR, "hal": Role.HELP_DESK}
# The lab calls its services as people in the server room do; callers have longer names for them.
SERVICE_NAMES = {
    "Absensi": ("Staff attendance", "Absensi pegawai"),
    "Admissions": ("Admissions portal", "Portal penerimaan mahasiswa baru"),
    "CBT": ("Exam platform (CBT)", "Ujian berbasis komputer (CBT)"),
    "SIAKAD": ("SIAKAD (academic information system)", "SIAKAD (sistem informasi akademik)"),
    "E-Learning": ("E-learning", "E-learning (pembelajaran daring)"),
    "Finance": ("Tuition payment", "Pembayaran biaya kuliah"),
    "Journals": ("Journal portal", "Portal jurnal ilmiah"),
    "Library": ("Library catalogue", "Katalog perpustakaan"),
    "Mail": ("University mail", "Surel kampus"),
    "SSO": ("Single sign-on", "Akun tunggal (SSO)"),
    "Website": ("University website", "Situs web kampus"),
    "Wi-Fi": ("Campus Wi-Fi", "Wi-Fi kampus"),
}

NOT_A_DEMO = refusal_kind(
    "demo-only",
    gettext_noop("Demo accounts have a password that everybody knows, and this is no demo."),
    gettext_noop("Run ./panel demo, which keeps to its own folder and to this machine."),
)
NOT_LOOPBACK = refusal_kind(
    "demo-not-loopback",
    gettext_noop("%(url)s is not an address of this machine, so it is no lab."),
    gettext_noop("Add a real cluster with: ./panel manage add_cluster."),
)
READY_LINE = refusal_kind(
    "demo-ready-line",
    gettext_noop("%(file)s is not the ready line of a lab: %(reason)s"),
    gettext_noop("Start the lab and hand over the line that it prints."),
)


class LabSsh(msgspec.Struct):
    """Where a node of the lab answers over ssh, and what it proves itself with."""

    port: int
    user: str
    host_key: str
    fingerprint: str


class LabNode(msgspec.Struct):
    """A node of the lab, where its API answers and, when it has DRBD, its ssh."""

    name: str
    url: str
    ssh: LabSsh | None = None


class LabService(msgspec.Struct):
    """Something that a guest of the lab serves; `vmids` are all guests that it needs."""

    name: str
    vmid: int
    url: str
    vmids: list[int] = []


class LabReady(msgspec.Struct):
    """The line that the lab prints once it answers. `ca` is PEM, or the path of a PEM file."""

    nodes: list[LabNode]
    ca: str
    token_id: str
    token_secret: str
    ssh_key: str = ""
    services: list[LabService] = []
    time_scale: float = 1.0
    cluster: str = "clusterubd"

    @property
    def ca_pem(self) -> str:
        return self.ca if self.ca.startswith("-----BEGIN") else Path(self.ca).read_text()


def read_ready_line(file: Path) -> LabReady:
    """The lab's own words. Raises Refused when the file is not such a line, or no loopback lab."""
    try:
        ready = msgspec.json.decode(file.read_bytes(), type=LabReady)
    except (OSError, msgspec.MsgspecError) as error:
        raise Refused(READY_LINE(file=str(file), reason=str(error))) from error
    for node in ready.nodes:
        _require_loopback(node.url)
    return ready


def _require_loopback(url: str) -> None:
    try:
        is_loopback = ip_address(urlsplit(url).hostname or "").is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise Refused(NOT_LOOPBACK(url=url))


def require_demo() -> None:
    """Raises Refused unless the settings say that this is a demo."""
    if not settings.DEMO:
        raise Refused(NOT_A_DEMO())


def seed_people() -> dict[str, User]:
    """The three accounts, each with its role; an account that is there stays as it is."""
    make_groups()
    people = {}
    for name, role in PEOPLE.items():
        user, is_new = User.objects.get_or_create(username=name)
        if is_new:
            user.set_password(PASSWORD)
            user.save(update_fields=["password"])
        if user.role is not role:
            give_role(user, role)
        people[name] = user
    return people


def seed_tokens(people: dict[str, User], file: Path) -> dict[str, str]:
    """A REST token for each, kept in `file` (only we can read it) and made once."""
    kept = _tokens_in(file)
    tokens = {name: _token(user, kept.get(name, "")) for name, user in people.items()}
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(json.dumps(tokens, indent=1) + "\n")
    return tokens


def _tokens_in(file: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError):
        return {}


def _token(user: User, kept: str) -> str:
    if kept and user.api_tokens.filter(digest=ApiToken.digest_of(kept)).exists():
        return kept
    user.api_tokens.filter(name="demo").delete()
    return ApiToken.issue(user, "demo")[1]


def seed_cluster(ready: LabReady, marker: Path) -> Cluster:
    """The record of the lab's cluster. `marker` remembers it, so that another lab replaces it."""
    former = marker.read_text().strip() if marker.exists() else ready.cluster
    if former != ready.cluster:
        Cluster.objects.filter(name=former).delete()
    marker.write_text(f"{ready.cluster}\n")
    addresses = [node.url for node in ready.nodes]
    access = {
        "addresses": addresses,
        "found_addresses": [],
        "ca_pem": ready.ca_pem,
        "fingerprints": {},
        "token_id": ready.token_id,
        "encrypted_secret": seal(ready.token_secret),
        "mode": Mode.OPERATE,
        "missing_privileges": [],
        "time_scale": ready.time_scale,
        # Another lab is another cluster: what was observed of the former is no fact about it.
        "reach": Reach.NEVER,
        "reach_detail": "",
        "observed_at": None,
    }
    return Cluster.objects.update_or_create(name=ready.cluster, defaults=access)[0]


def seed_ssh(cluster: Cluster, ready: LabReady) -> None:
    """The way to the lab's nodes over ssh; their keys come from the lab itself, so that nobody has
    to confirm them. A demo in which somebody switched ssh off keeps it off."""
    doors = {node.name: node.ssh for node in ready.nodes if node.ssh is not None}
    if not doors or not ready.ssh_key:
        SshAccess.objects.filter(cluster=cluster).delete()
        return
    one = next(iter(doors.values()))
    access = {
        "user": one.user,
        "port": one.port,
        "encrypted_key": seal(ready.ssh_key),
        "host_keys": {
            name: {"key": " ".join(ssh.host_key.split()[:2]), "fingerprint": ssh.fingerprint}
            for name, ssh in doors.items()
        },
    }
    SshAccess.objects.update_or_create(cluster=cluster, defaults=access)


def seed_services(cluster: Cluster, services: Iterable[LabService]) -> None:
    """The services of the lab, named for people; those that a former lab had are removed."""
    seen = []
    for service in services:
        english, indonesian = SERVICE_NAMES.get(service.name, (service.name, ""))
        seen.append(english)
        Service.objects.update_or_create(
            cluster=cluster,
            name=english,
            defaults={
                "name_id": indonesian,
                "vmids": service.vmids or [service.vmid],
                "url": service.url,
            },
        )
    loopback = cluster.services.filter(url__startswith="http://127.")
    loopback.exclude(name__in=seen).delete()
