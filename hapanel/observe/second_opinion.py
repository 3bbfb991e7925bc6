"""When the node that answers does not see the whole cluster, another one is asked as well.

A node that was cut off goes on answering: without quorum, and with the others' guests as they were.
So a look that shows no quorum, or lacks nodes, asks one more address, in turns. The quorate part is
believed, and what the other says of itself is kept beside it. That is two calls a round at most.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from hapanel.ha.quorum import judge_quorate
from hapanel.observe.answers import Answers, ask
from hapanel.observe.memory import Memory
from hapanel.observe.pace import Plan
from hapanel.observe.view import View, view_of
from hapanel.ports.cluster import AddressHealth, NodeState
from hapanel.ports.cluster_gateway import ClusterGateway
from hapanel.ports.errors import ClusterError
from nodes.models import Cluster

logger = logging.getLogger(__name__)

# What nobody has said again for this long is over.
KEPT = timedelta(seconds=30)


def with_second_opinion(
    cluster: Cluster, gateway: ClusterGateway, answers: Answers, memory: Memory, plan: Plan
) -> Answers:
    """The answers of the quorate part, if anybody has quorum; notes in `memory.views` what others
    say. Raises ClusterError when the quorate part does not answer after all."""
    if not plan.whole:
        return answers
    missing = _missing(answers, memory)
    quorate = judge_quorate(answers.look.membership or memory.picture.membership, answers.look.ha)
    if quorate is not False and not missing:
        gateway.prefer(None)
        memory.views.clear()
        return answers
    _drop_old(memory, answers.seen_by)
    address = _whom_to_ask(gateway, answers, missing if quorate else frozenset(), memory)
    if address is None:
        return answers
    memory.turn += 1
    try:
        view = view_of(address, *gateway.view_from(address))
    except ClusterError as error:
        logger.info("%s: no second opinion from %s: %s", cluster.name, address, error.reason)
        return answers
    memory.views[view.node] = view
    if quorate or not view.quorate:
        return answers
    logger.warning(
        "%s: %s has no quorum, %s has: it is asked from now on",
        cluster.name,
        answers.seen_by or answers.answered_by,
        view.node,
    )
    gateway.prefer(address)
    memory.views = {answers.seen_by: _own_view(answers, missing)}
    return ask(gateway, Plan(whole=True, membership=True, tasks=plan.tasks), None)


def _own_view(answers: Answers, missing: frozenset[str]) -> View:
    """What the node said that was asked first, as a view beside the better one."""
    resources = answers.look.resources
    names = {node.name for node in resources.nodes} if resources else {answers.seen_by}
    return View(
        node=answers.seen_by,
        address=answers.answered_by,
        quorate=False,
        sees=tuple(sorted(names - missing)),
        at=answers.look.answered_at,
    )


def _missing(answers: Answers, memory: Memory) -> frozenset[str]:
    """The nodes that the answering one does not see."""
    told: Iterable[NodeState] = ()
    look = answers.look
    if look.resources is not None:
        told = look.resources.nodes
    elif memory.picture.resources is not None:
        told = memory.picture.resources.nodes
    if look.membership is not None:
        told = (*told, *look.membership.nodes)
    return frozenset(node.name for node in told if node.status == "offline")


def _whom_to_ask(
    gateway: ClusterGateway, answers: Answers, missing: frozenset[str], memory: Memory
) -> str | None:
    """The next address in turn that is worth asking: of a missing node when some are given, and
    none that is left alone because it failed a moment ago."""
    ips = {node.ip: name for name, node in memory.picture.nodes.items() if node.ip}
    found = [
        each.address
        for each in gateway.addresses()
        if each.address != answers.answered_by and not each.retry_in
        if not missing or _node_of(each, ips) in missing
    ]
    return found[memory.turn % len(found)] if found else None


def _node_of(address: AddressHealth, ips: dict[str, str]) -> str | None:
    return address.node or ips.get(urlsplit(address.address).hostname or "")


def _drop_old(memory: Memory, seen_by: str) -> None:
    oldest = datetime.now(UTC) - KEPT
    memory.views = {
        node: view for node, view in memory.views.items() if view.at > oldest and node != seen_by
    }
