"""The verb change_ssh, as people ask for it: whether and how the nodes are reached over ssh.

A worker tries each node (`hapanel.operations.ssh_access_steps`); what is recorded changes once that
succeeded. Adding a cluster checks the same fields.
"""

from __future__ import annotations

import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_ssh_private_key,
)

from hapanel.accounts.vault import seal
from hapanel.kernel.refusal import Refusal, refusal_kind
from hapanel.kernel.refusal import gettext_noop as _
from hapanel.operations.models import OPEN_STATES, Kind, Operation, SealedSecret
from hapanel.operations.recording import earlier_or_refuse, earlier_with_key, record_operation
from hapanel.operations.wishes import Asker, SshWish
from nodes.models import Cluster, SshAccess

INVALID_USER = refusal_kind(
    "invalid-ssh-user",
    _("%(user)s is no name of a user on a node."),
    _("Give the user whose authorized_keys holds the panel's line, such as root."),
    status=422,
    field="ssh_user",
)
INVALID_KEY = refusal_kind(
    "invalid-ssh-key",
    _("This is no private ssh key that the panel can use."),
    _("Give the whole file as ssh-keygen wrote it, without a passphrase."),
    status=422,
    field="ssh_key",
)
INVALID_PORT = refusal_kind(
    "invalid-ssh-port",
    _("%(port)s is no port."),
    _("Give the port of the nodes' sshd, 22 as a rule."),
    status=422,
    field="ssh_port",
)
INVALID_HOST_KEY = refusal_kind(
    "invalid-ssh-host-key",
    _("%(text)s is no fingerprint of an ssh host key."),
    _("Copy it as ssh-keygen -lf prints it: SHA256: and 43 letters."),
    status=422,
    field="ssh_host_keys",
)
ALREADY_CHANGING = refusal_kind(
    "ssh-being-changed",
    _("The ssh access of %(name)s is just being tried by operation %(operation)s."),
    _("Wait for its end."),
)
NO_NODES = refusal_kind(
    "ssh-no-nodes",
    _("No node of %(name)s has been seen yet, so there is nothing to reach over ssh."),
    _("Wait until the panel sees the cluster."),
)

USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
HOST_KEY = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


def request_ssh_access(
    cluster: Cluster,
    wish: SshWish,
    asker: Asker,
    *,
    idempotency_key: str | None = None,
    body_digest: str = "",
) -> Operation:
    """Record that the cluster's nodes shall be tried over ssh. Raises Refused."""
    earlier = earlier_with_key(asker, idempotency_key, body_digest)
    if earlier is not None:
        return earlier
    known = SshAccess.objects.filter(cluster=cluster).first()
    wish = _filled_up(wish, known)
    refusals = [*_in_the_way(cluster)]
    if wish.is_on:
        refusals += wrong_ssh_fields(wish, needs_key=known is None)
    if refusals:
        return earlier_or_refuse(refusals, asker, idempotency_key, body_digest)
    operation = Operation(
        kind=Kind.CHANGE_SSH, cluster=cluster, subject=cluster.name, params={"ssh": params_of(wish)}
    )
    sealed = seal(wish.private_key) if wish.private_key else known.encrypted_key if known else ""

    def keep_key(made: Operation) -> None:
        SealedSecret.objects.create(operation=made, encrypted_ssh_key=sealed)

    return record_operation(
        operation,
        asker,
        idempotency_key=idempotency_key,
        body_digest=body_digest,
        after=keep_key,
    )


def params_of(wish: SshWish) -> dict[str, object]:
    """The wish as an operation holds it: without the key."""
    return {
        "user": wish.user,
        "port": wish.port,
        "host_keys": list(wish.host_keys),
        "is_on": wish.is_on,
    }


def wrong_ssh_fields(wish: SshWish, *, needs_key: bool = True) -> list[Refusal]:
    """A refusal for each field that cannot be right."""
    refusals = []
    if not USER.fullmatch(wish.user):
        refusals.append(INVALID_USER(user=wish.user or "-"))
    if not 0 < wish.port < 65536:
        refusals.append(INVALID_PORT(port=wish.port))
    if (wish.private_key or needs_key) and not _is_key(wish.private_key):
        refusals.append(INVALID_KEY())
    wrong = [text for text in wish.host_keys if not HOST_KEY.fullmatch(text)]
    return refusals + [INVALID_HOST_KEY(text=text[:60]) for text in wrong]


def _filled_up(wish: SshWish, known: SshAccess | None) -> SshWish:
    if known is None or wish.user:
        return wish
    return SshWish(known.user, wish.private_key, known.port, wish.host_keys, wish.is_on)


def _is_key(text: str) -> bool:
    body = text.encode()
    for load in (load_ssh_private_key, load_pem_private_key):
        try:
            load(body, None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        return True
    return False


def _in_the_way(cluster: Cluster) -> list[Refusal]:
    changing = Operation.objects.filter(
        kind=Kind.CHANGE_SSH, state__in=OPEN_STATES, cluster=cluster
    ).first()
    if changing:
        return [ALREADY_CHANGING(name=cluster.name, operation=changing.pk)]
    return [] if cluster.nodes.exists() else [NO_NODES(name=cluster.name)]
