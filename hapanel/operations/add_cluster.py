"""The verb add_cluster, as people ask for it: check the form of what was typed, record the wish.

A worker tries the cluster (`hapanel.operations.add_cluster_steps`); it becomes a record only when
every step succeeded. Until then the token's secret lies sealed beside the operation.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from hapanel.accounts.vault import seal
from hapanel.kernel.names import CLUSTER_NAME
from hapanel.kernel.refusal import Refusal, refusal_kind
from hapanel.kernel.refusal import gettext_noop as _
from hapanel.operations.models import OPEN_STATES, Kind, Operation, SealedSecret
from hapanel.operations.recording import earlier_or_refuse, earlier_with_key, record_operation
from hapanel.operations.ssh_access import params_of, wrong_ssh_fields
from hapanel.operations.wishes import Asker, NewCluster
from nodes.models import Cluster

INVALID_NAME = refusal_kind(
    "invalid-cluster-name",
    _("%(name)s cannot be a cluster's name."),
    _("Use letters, digits and dashes, at most 63 of them."),
    status=422,
    field="name",
)
INVALID_ADDRESS = refusal_kind(
    "invalid-address",
    _("%(address)s is no address of a Proxmox VE node."),
    _("Give the URL of a node's page, such as https://pve1.example.org:8006."),
    status=422,
    field="addresses",
)
INVALID_TOKEN = refusal_kind(
    "invalid-token-id",
    _("%(token)s is no id of an API token."),
    _("Copy it as Proxmox shows it: user@realm!name, with the secret in its own field."),
    status=422,
    field="token_id",
)
INVALID_FINGERPRINT = refusal_kind(
    "invalid-fingerprint",
    _("This is no SHA-256 fingerprint of a certificate."),
    _("Copy the 32 pairs of hexadecimal digits from the node's page: Node, Certificates."),
    status=422,
    field="fingerprint",
)
CLUSTER_EXISTS = refusal_kind(
    "cluster-exists",
    _("The cluster %(name)s is already here."),
    _("Open its settings to change it, or give the new one another name."),
    field="name",
)
ADDRESS_TAKEN = refusal_kind(
    "address-taken",
    _("%(address)s already belongs to the cluster %(name)s."),
    _("Open the settings of %(name)s to change how it is reached."),
    field="addresses",
)
ALREADY_ADDING = refusal_kind(
    "cluster-being-added",
    _("%(name)s is just being tried by operation %(operation)s."),
    _("Wait for its end."),
    field="name",
)

TOKEN_ID = re.compile(r"^[^\s:/!@]+@[A-Za-z][A-Za-z0-9.\-_]+![A-Za-z][A-Za-z0-9.\-_]+$")
FINGERPRINT = re.compile(r"^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$")
DEFAULT_PORT = 8006


def request_add_cluster(
    new: NewCluster,
    asker: Asker,
    *,
    idempotency_key: str | None = None,
    body_digest: str = "",
) -> Operation:
    """Record that the cluster shall be tried and added. Raises Refused with every refusal."""
    earlier = earlier_with_key(asker, idempotency_key, body_digest)
    if earlier is not None:
        return earlier
    addresses = [base_url(address) or address for address in new.addresses]
    refusals = [*_wrong_fields(new), *_taken(new.name, addresses)]
    if refusals:
        return earlier_or_refuse(refusals, asker, idempotency_key, body_digest)
    operation = Operation(
        kind=Kind.ADD_CLUSTER,
        subject=new.name,
        params={
            "name": new.name,
            "addresses": addresses,
            "token_id": new.token_id,
            "ca_pem": new.ca_pem,
            "fingerprint": normal_fingerprint(new.fingerprint),
            "time_scale": new.time_scale,
            **({"ssh": params_of(new.ssh)} if new.ssh else {}),
        },
    )
    sealed = seal(new.token_secret)
    sealed_key = seal(new.ssh.private_key) if new.ssh else ""
    return record_operation(
        operation,
        asker,
        idempotency_key=idempotency_key,
        body_digest=body_digest,
        after=lambda made: _keep_secrets(made, sealed, sealed_key),
    )


def _keep_secrets(operation: Operation, token: str, ssh_key: str) -> None:
    SealedSecret.objects.create(operation=operation, encrypted=token, encrypted_ssh_key=ssh_key)


def base_url(address: str) -> str | None:
    """`https://host:port` of whatever a person copied from the browser; None when it is none."""
    text = address.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        port = parts.port or DEFAULT_PORT
    except ValueError:
        return None
    if parts.scheme != "https" or not parts.hostname or parts.username:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"https://{host}:{port}"


def normal_fingerprint(text: str) -> str:
    """`AA:BB:...` of a fingerprint in any usual writing; an empty text stays empty."""
    digits = re.sub(r"[\s:]", "", text.strip().removeprefix("sha256:")).upper()
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def _wrong_fields(new: NewCluster) -> list[Refusal]:
    refusals = []
    if not CLUSTER_NAME.fullmatch(new.name):
        refusals.append(INVALID_NAME(name=new.name or "-"))
    wrong = [address for address in new.addresses if base_url(address) is None]
    refusals += [INVALID_ADDRESS(address=address) for address in wrong]
    if not new.addresses:
        refusals.append(INVALID_ADDRESS(address="-"))
    if not TOKEN_ID.fullmatch(new.token_id) or not new.token_secret:
        refusals.append(INVALID_TOKEN(token=new.token_id or "-"))
    if new.fingerprint and not FINGERPRINT.match(normal_fingerprint(new.fingerprint)):
        refusals.append(INVALID_FINGERPRINT())
    return refusals + (wrong_ssh_fields(new.ssh) if new.ssh else [])


def _taken(name: str, addresses: list[str]) -> list[Refusal]:
    """Refusals for a name or an address that the panel has already, or is just trying."""
    if Cluster.objects.filter(name=name).exists():
        return [CLUSTER_EXISTS(name=name)]
    owners = {
        address: cluster.name
        for cluster in Cluster.objects.only("name", "addresses", "found_addresses")
        for address in (*cluster.addresses, *cluster.found_addresses)
    }
    taken = [address for address in addresses if address in owners]
    if taken:
        return [ADDRESS_TAKEN(address=taken[0], name=owners[taken[0]])]
    trying = Operation.objects.filter(
        kind=Kind.ADD_CLUSTER, state__in=OPEN_STATES, subject=name
    ).first()
    return [ALREADY_ADDING(name=name, operation=trying.pk)] if trying else []
