"""How the votes of a cluster are mended, command by command."""

from __future__ import annotations

from dataclasses import dataclass

from hapanel.ha.quorum import Ballot
from hapanel.kernel.refusal import gettext_noop


@dataclass(frozen=True, slots=True)
class Step:
    """One step: where and what for (an English template), and the exact command, if there is one.

    Words in capitals in a command are to be replaced by the reader.
    """

    where: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Cure:
    """What mends it: a sentence and the steps in their order, all of them English templates."""

    title: str
    steps: tuple[Step, ...]


def add_a_qdevice(nodes: int) -> Cure:
    """A vote from outside the cluster. pvecm wants to be forced for an odd number of nodes."""
    force = " --force" if nodes % 2 else ""
    return Cure(
        gettext_noop(
            "Add a QDevice, a vote from a third machine. It takes some minutes and no outage."
        ),
        (
            Step(
                gettext_noop(
                    "On a third machine outside the cluster, which may be the host of this panel:"
                ),
                "apt install corosync-qnetd",
            ),
            Step(gettext_noop("On every node of the cluster:"), "apt install corosync-qdevice"),
            Step(
                gettext_noop(
                    "On one node, with the address of the third machine. It signs in there as "
                    "root by SSH once:"
                ),
                f"pvecm qdevice setup ADDRESS{force}",
            ),
            Step(gettext_noop("On one node, to see the new vote:"), "pvecm status"),
        ),
    )


JOIN_A_SECOND_NODE = Cure(
    gettext_noop("Join a second node to the cluster, then add a QDevice."),
    (Step(gettext_noop("On the new node, with the address of this one:"), "pvecm add ADDRESS"),),
)

EQUAL_VOTES = Cure(
    gettext_noop("Give every node one vote, so that no single node decides alone."),
    (
        Step(
            gettext_noop(
                "On one node, set quorum_votes to 1 for each node and raise config_version by one:"
            ),
            "editor /etc/pve/corosync.conf",
        ),
        Step(gettext_noop("On one node, to see the votes:"), "pvecm status"),
    ),
)

_START_NODE = Step(
    gettext_noop(
        "Switch the missing nodes on, or mend their network. On a node that runs but is missing:"
    ),
    "systemctl status corosync pve-cluster",
)
_START_QNETD = Step(
    gettext_noop("On the QDevice's machine, which must be reachable on port 5403:"),
    "systemctl status corosync-qnetd",
)
_START_QDEVICE = Step(gettext_noop("On every node:"), "systemctl status corosync-qdevice")


def bring_back(nodes: tuple[str, ...], *, qdevice: bool) -> Cure:
    """Get the missing votes back: of these nodes, of the QDevice."""
    steps = ((_START_NODE,) if nodes else ()) + ((_START_QNETD, _START_QDEVICE) if qdevice else ())
    return Cure(gettext_noop("Bring the missing votes back."), steps)


def has_equal_votes(ballot: Ballot) -> bool:
    """Whether each node counts the same."""
    return len({node.votes for node in ballot.votes}) <= 1
