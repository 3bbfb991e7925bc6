"""What is wrong when a node is not seen over ssh, as sentences with their remedies."""

from __future__ import annotations

from dataclasses import replace

from hapanel.kernel.refusal import Refusal, refusal_kind
from hapanel.kernel.refusal import gettext_noop as _
from hapanel.ports.errors import (
    ClusterError,
    Garbage,
    SignInRefused,
)
from hapanel.ports.ssh_errors import (
    SILENT,
    CommandFailed,
    HostKeyChanged,
    HostKeyUnknown,
    ScriptMissing,
    ScriptOlder,
)

NO_ANSWER = refusal_kind(
    "ssh-no-answer",
    _("%(node)s does not answer over ssh: %(said)s."),
    _("Check that the node is up, and that a firewall lets the panel through to its ssh port."),
    field="ssh",
)
# The same fault where there are no words of the network to repeat.
_SILENT = replace(NO_ANSWER, because=_("%(node)s does not answer over ssh."))
KEY_NOT_CONFIRMED = refusal_kind(
    "ssh-host-key-not-confirmed",
    _("%(node)s shows the ssh host key %(seen)s. Nobody confirmed it yet, so nothing was sent."),
    _("Compare it with: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub on %(node)s."),
    field="ssh_host_keys",
)
KEY_CHANGED = refusal_kind(
    "ssh-host-key-changed",
    _("%(node)s shows the ssh host key %(seen)s, pinned is %(pinned)s. Nothing was sent."),
    _(
        "Find out why: the node was installed anew, or somebody is in between. When the new key is "
        "the node's own, confirm it in the cluster's settings."
    ),
    field="ssh_host_keys",
)
KEY_REFUSED = refusal_kind(
    "ssh-sign-in-refused",
    _("%(node)s does not accept the panel's ssh key: %(said)s."),
    _("Put the panel's line into authorized_keys of that user; docs/replication-ssh.md has it."),
    field="ssh_key",
)
SCRIPT_MISSING = refusal_kind(
    "ssh-script-missing",
    _("%(node)s signs the panel in, but its script does not answer: %(said)s."),
    _(
        "Install deploy/hapanel-node-command there, and let the line in authorized_keys begin with "
        "its forced command."
    ),
    field="ssh",
)
SCRIPT_OLDER = refusal_kind(
    "ssh-script-older",
    _("The panel's script on %(node)s is older than the panel: %(said)s."),
    _("Copy deploy/hapanel-node-command of this release to the node."),
    field="ssh",
)
COMMAND_FAILED = refusal_kind(
    "ssh-command-failed",
    _("A command failed on %(node)s: %(said)s."),
    _("Run it on the node by hand; docs/replication-ssh.md says what each command is for."),
    field="ssh",
)
ANSWER_GARBLED = refusal_kind(
    "ssh-answer-garbled",
    _("%(node)s answers over ssh with what makes no sense: %(said)s."),
    _("Run the commands of docs/replication-ssh.md on the node by hand and compare."),
    field="ssh",
)


def fault_of(node: str, error: ClusterError) -> Refusal:
    """Why `node` is not seen over ssh, and what to do about it."""
    said = error.reason[:300].rstrip(". ")
    match error:
        case HostKeyUnknown():
            return KEY_NOT_CONFIRMED(node=node, seen=error.seen)
        case HostKeyChanged():
            return KEY_CHANGED(node=node, seen=error.seen, pinned=error.pinned)
        case SignInRefused():
            return KEY_REFUSED(node=node, said=said)
        case ScriptMissing():
            return SCRIPT_MISSING(node=node, said=said)
        case ScriptOlder():
            return SCRIPT_OLDER(node=node, said=said)
        case CommandFailed():
            return COMMAND_FAILED(node=node, said=said)
        case Garbage():
            return ANSWER_GARBLED(node=node, said=said)
        case _ if error.reason == SILENT:
            return _SILENT(node=node)
        case _:
            return NO_ANSWER(node=node, said=said)
