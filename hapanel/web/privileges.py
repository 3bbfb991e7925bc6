"""The commands that make a token for the panel, from what the panel needs of it."""

from __future__ import annotations

from dataclasses import dataclass

from hapanel.operations.privileges import NEEDS
from hapanel.operations.words import without_privilege


@dataclass(frozen=True, slots=True)
class Missing:
    """A privilege that the token lacks, and what does not work without it."""

    privilege: str
    effect: str


def missing_of(privileges: list[str]) -> list[Missing]:
    """The missing privileges with their effects, in the reader's language."""
    return [Missing(name, without_privilege(name)) for name in privileges]


def watch_commands() -> list[str]:
    """pveum(1) commands for a token that sees and changes nothing.

    The token has no privileges of its own (--privsep 0): it has its user's, and that user exists
    for the panel alone.
    """
    return [
        "pveum user add panel@pve --comment 'HA Panel'",
        "pveum acl modify / --users panel@pve --roles PVEAuditor",
        "pveum user token add panel@pve watch --privsep 0",
    ]


def operate_commands() -> list[str]:
    """The same for a token that may operate, with exactly the privileges that the panel uses.

    Sys.Console is for the HA configuration and stays on / alone: on a node it would be a shell.
    """
    return [
        f"pveum role add HAPanel --privs '{_privileges(propagates=True)}'",
        f"pveum role add HAPanelRoot --privs '{_privileges(propagates=False)}'",
        "pveum user add panel@pve --comment 'HA Panel'",
        "pveum acl modify / --users panel@pve --roles HAPanel",
        "pveum acl modify / --users panel@pve --roles HAPanelRoot --propagate 0",
        "pveum user token add panel@pve operate --privsep 0",
    ]


def _privileges(*, propagates: bool) -> str:
    wanted = (need.privilege for need in NEEDS if need.propagates is propagates)
    return " ".join(dict.fromkeys(wanted))


FINGERPRINT_COMMAND = "openssl x509 -noout -fingerprint -sha256 -in /etc/pve/local/pve-ssl.pem"
