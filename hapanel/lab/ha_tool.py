"""`ha-manager` on a node's command line, as far as the panel may call it there."""

from hapanel.lab.drbd.answers import DONE, Answer
from hapanel.lab.drbd.tools import Run
from hapanel.lab.ha.stack import HaManager
from hapanel.lab.membership import Membership

NO_QUORUM = "cluster not ready - no quorum?\n"
FAILED = 255


def ha_manager(ha: HaManager, membership: Membership, node: str) -> Run:
    """The tool of one node: `crm-command node-maintenance enable|disable NODE` is queued for the
    manager, who takes it up in its next round. Nothing can be written without quorum.
    """

    def run(words: list[str]) -> Answer:
        if not membership.is_quorate(node):
            return Answer("", NO_QUORUM, FAILED)
        _, _, word, target = words
        ha.command(f"{word}-node-maintenance {target}")
        return DONE

    return run
