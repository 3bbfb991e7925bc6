"""What the settings page of a cluster shows of its ssh access, and the form that changes it."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest

from hapanel.kernel.refusal import Refusal
from hapanel.operations.models import Kind, Operation
from hapanel.operations.ssh_key import authorized_keys_line
from hapanel.web.forms import SshForm
from nodes.models import Cluster, DrbdNode, SshAccess


@dataclass(frozen=True, slots=True)
class SshNode:
    """One node: the fingerprint that is pinned, and what hinders when it is not seen."""

    node: str
    fingerprint: str = ""
    fault: Refusal | None = None
    is_seen: bool = False


@dataclass(frozen=True, slots=True)
class Ssh:
    """The access as it is recorded."""

    access: SshAccess
    nodes: list[SshNode]

    @property
    def is_untried(self) -> bool:
        """Whether there is only a key, which no node was tried with yet."""
        return not self.access.is_on and not self.access.host_keys

    @property
    def authorized_keys(self) -> str:
        """The line for the nodes; blank where only the private key is recorded."""
        return authorized_keys_line(self.access.public_key) if self.access.public_key else ""


def ssh_of(cluster: Cluster) -> Ssh | None:
    """How the cluster's nodes are reached over ssh; None when nobody said."""
    access = SshAccess.objects.filter(cluster=cluster).defer("encrypted_key").first()
    if access is None:
        return None
    rows = {row.node: row for row in DrbdNode.objects.filter(cluster=cluster)}
    names = cluster.nodes.order_by("name").values_list("name", flat=True)
    return Ssh(access, [_node(name, access, rows.get(name)) for name in names])


def _node(name: str, access: SshAccess, row: DrbdNode | None) -> SshNode:
    pinned = access.host_keys.get(name, {}).get("fingerprint", "")
    fault = Refusal.from_record(row.fault) if row and row.fault else None
    return SshNode(name, pinned, fault, is_seen=row is not None and fault is None)


def ssh_form_of(request: HttpRequest, cluster: Cluster) -> SshForm:
    """The form with what is recorded, and with the host keys that an earlier try has shown."""
    access = SshAccess.objects.filter(cluster=cluster).defer("encrypted_key").first()
    initial = {"ssh_user": access.user, "ssh_port": access.port} if access else {}
    number = request.GET.get("from", "")
    if number.isdecimal():
        tried = Operation.objects.filter(
            pk=int(number[:18]), kind=Kind.CHANGE_SSH, cluster=cluster
        ).first()
        initial |= _tried(tried) if tried else {}
    return SshForm(initial=initial)


def _tried(operation: Operation) -> dict[str, object]:
    asked = operation.params["ssh"]
    seen = ((operation.outcome or {}).get("params") or {}).get("seen") or {}
    keys = [*asked["host_keys"], *(seen.values() if isinstance(seen, dict) else [])]
    return {
        "ssh_user": asked["user"],
        "ssh_port": asked["port"],
        "ssh_host_keys": "\n".join(dict.fromkeys(keys)),
    }
