"""The panel's own ssh key for a cluster: made here, so that nobody has to hand a private key in.

Nothing is sent to a node. Somebody puts the public half into authorized_keys, and then the nodes
are tried with it (`hapanel.operations.ssh_access`).
"""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from django.db import transaction

from hapanel.accounts.vault import seal
from hapanel.audit.actor import Actor
from hapanel.audit.models import record
from hapanel.kernel.refusal import Refused, refusal_kind
from hapanel.kernel.refusal import gettext_noop as _
from nodes.models import Cluster, SshAccess

IN_USE = refusal_kind(
    "ssh-key-in-use",
    _("The nodes of %(name)s are reached over ssh with a key that works."),
    _("Switch ssh off first, or give another private key in the form."),
)
USUAL_USER = "root"
COMMENT = "hapanel"
FORCED = 'restrict,command="/usr/local/sbin/hapanel-node-command /usr/sbin /usr/bin"'


def make_ssh_key(cluster: Cluster, by: Actor) -> None:
    """Make and record a key for the cluster, ssh staying off until the nodes were tried with it.
    Another one that was made and never worked is replaced. Raises Refused while ssh is on."""
    made = Ed25519PrivateKey.generate()
    private = made.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    with transaction.atomic():
        access = SshAccess.objects.select_for_update().filter(cluster=cluster).first()
        if access is not None and access.is_on:
            raise Refused(IN_USE(name=cluster.name))
        access = access or SshAccess(cluster=cluster, user=USUAL_USER, is_on=False)
        access.encrypted_key, access.public_key = seal(private), public_key_of(private)
        access.save()
        record(action="ssh_key_made", cluster=cluster.name, subject=cluster.name, **by.as_columns())


def public_key_of(private: str) -> str:
    """The public half as OpenSSH writes it; blank for a text that is no key."""
    body = private.encode()
    for load in (load_ssh_private_key, load_pem_private_key):
        try:
            public = load(body, None).public_key()
            line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm):
            continue
        return f"{line.decode()} {COMMENT}"
    return ""


def authorized_keys_line(public_key: str) -> str:
    """What ties the key to the script on the node (docs/replication-ssh.md)."""
    return f"{FORCED} {public_key}"
