"""The verb change_ssh, as a worker carries it out; adding a cluster takes the same step.

Each node proves itself before anything is sent to it, with the key that is pinned or with one whose
fingerprint a person confirmed. Nothing is changed on a node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.db import transaction

from hapanel.accounts.vault import VaultLocked, unseal
from hapanel.kernel.refusal import Refusal, refusal_kind
from hapanel.kernel.refusal import gettext_noop as _
from hapanel.live.stream import Kind as HintKind
from hapanel.live.stream import publish
from hapanel.operations.add_cluster_outcomes import SECRET_LOST
from hapanel.operations.models import Operation, State, Step
from hapanel.operations.ssh_key import public_key_of
from hapanel.operations.work import Note, Work, noted
from hapanel.ports.errors import (
    ClusterError,
)
from hapanel.ports.node_shell import HostKey, NodeDoor, SshLogin
from hapanel.ports.ssh_errors import (
    HostKeyChanged,
    HostKeyUnknown,
)
from hapanel.ports.ssh_faults import fault_of
from nodes.models import Cluster, SshAccess

NOT_CONFIRMED = refusal_kind(
    "ssh-host-keys-not-confirmed",
    _("These ssh host keys are not confirmed yet, so nothing was sent there: %(keys)s."),
    _(
        "Compare each with the output of: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub on the "
        "node, and confirm them."
    ),
    field="ssh_host_keys",
)


@dataclass
class Trial:
    """What came of trying each node."""

    pins: dict[str, dict[str, str]] = field(default_factory=dict)
    good: list[str] = field(default_factory=list)
    unconfirmed: dict[str, str] = field(default_factory=dict)  # node -> fingerprint
    faults: list[Refusal] = field(default_factory=list)

    @property
    def refusal(self) -> Refusal | None:
        """Why it cannot be recorded; None when at least one node lets the panel in and every key
        that was seen is confirmed."""
        if self.unconfirmed:
            keys = ", ".join(f"{node} {seen}" for node, seen in self.unconfirmed.items())
            return NOT_CONFIRMED(keys=keys, seen=self.unconfirmed)
        return None if self.good else self.faults[0]

    @property
    def notes(self) -> list[Note]:
        """A line for those that work, one for each that does not."""
        left_out = [
            noted("ssh_node_left_out", node=str(f.params["node"]), code=f.code) for f in self.faults
        ]
        return [noted("ssh_tried", nodes=", ".join(self.good)), *left_out]


def tried(work: Work, ips: Mapping[str, str], known: Mapping[str, Any]) -> Trial | None:
    """Try the nodes (name -> address) with the operation's key; None: it failed already.

    known: node -> {key, fingerprint} as they are pinned.
    """
    try:
        key = unseal(work.operation.secret.encrypted_ssh_key)
    except VaultLocked:
        work.fail(SECRET_LOST())
        return None
    wanted = work.operation.params["ssh"]
    login = SshLogin(user=wanted["user"], private_key=key)
    trial = Trial()
    for node, ip in sorted(ips.items()):
        pinned = msgspec.convert(known[node], HostKey) if node in known else None
        door = NodeDoor(node=node, host=ip, port=wanted["port"], host_key=pinned)
        try:
            door = _try(work, login, door, wanted["host_keys"])
            trial.good.append(node)
        except (HostKeyUnknown, HostKeyChanged) as error:
            trial.unconfirmed[node] = error.seen
        except ClusterError as error:
            trial.faults.append(fault_of(node, error))
        if door.host_key is not None:
            trial.pins[node] = msgspec.to_builtins(door.host_key)
    if trial.refusal is not None:
        work.fail(trial.refusal)
        return None
    return trial


def _try(work: Work, login: SshLogin, door: NodeDoor, confirmed: list[str]) -> NodeDoor:
    """The door with the key that it proved itself with. Raises ClusterError."""
    try:
        work.doors.try_ssh(login, door)
        return door
    except (HostKeyUnknown, HostKeyChanged) as error:
        if error.seen not in confirmed:
            raise
    shown = work.doors.host_key_of(door)
    if shown.fingerprint not in confirmed:
        raise HostKeyUnknown(seen=shown.fingerprint, address=door.host)
    door = msgspec.structs.replace(door, host_key=shown)
    work.doors.try_ssh(login, door)
    return door


def record_access(cluster: Cluster, operation: Operation, pins: Mapping[str, Any]) -> None:
    """Record the way over ssh as the operation found it to work."""
    wanted = operation.params["ssh"]
    SshAccess.objects.update_or_create(
        cluster=cluster,
        defaults={
            "user": wanted["user"],
            "port": wanted["port"],
            "encrypted_key": operation.secret.encrypted_ssh_key,
            "public_key": public_key_of(unseal(operation.secret.encrypted_ssh_key)),
            "host_keys": dict(pins),
            "is_on": True,
        },
    )


def checking_ssh(work: Work) -> None:
    """Try the nodes of a recorded cluster, or switch ssh off."""
    cluster, operation = work.cluster, work.operation
    if not operation.params["ssh"]["is_on"]:
        _end(work, noted("ssh_off"), also=lambda: _switch_off(cluster))
        return
    known = SshAccess.objects.filter(cluster=cluster).first()
    pinned = known.host_keys if known else {}
    ips = {node.name: node.ip for node in cluster.nodes.all() if node.ip}
    trial = tried(work, ips, pinned)
    if trial is None:
        return
    pins = {**{node: pinned[node] for node in ips if node in pinned}, **trial.pins}
    _end(work, *trial.notes, also=lambda: record_access(cluster, operation, pins))


def _switch_off(cluster: Cluster) -> None:
    SshAccess.objects.filter(cluster=cluster).update(is_on=False)


def _end(work: Work, *notes: Note, also: Callable[[], None]) -> None:
    with transaction.atomic():
        publish([(work.cluster.name, HintKind.CLUSTER, work.cluster.name)])
        work.commit(*notes, state=State.SUCCEEDED, percent=100.0, also=also)


STEPS: dict[Step, Callable[[Work], None]] = {Step.CHECKING_SSH: checking_ssh}
