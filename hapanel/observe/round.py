"""One look at one cluster, from the questions to the records.

Whoever calls holds the cluster's lock, so looks at one cluster never overlap.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from django.db import transaction

from hapanel.live import pulse
from hapanel.live.stream import Kind, publish
from hapanel.observe.answers import Answers, ask
from hapanel.observe.figures import write_figures
from hapanel.observe.guest_configurations import want_configurations
from hapanel.observe.guest_starts import write_starts
from hapanel.observe.journal import Journal
from hapanel.observe.memory import Memory, forget, memory_of
from hapanel.observe.pace import Plan, now, read_pace, write_generation, write_pace
from hapanel.observe.picture import Differences
from hapanel.observe.record_cluster import write_nodes, write_services, write_storages
from hapanel.observe.record_guests import write_guests
from hapanel.observe.record_state import (
    judged_quorate,
    reach_of,
    tell_quorum,
    write_failure,
    write_state,
    write_votes,
)
from hapanel.observe.second_opinion import with_second_opinion
from hapanel.observe.slow_questions import (
    JudgeRights,
    ask_rights,
    ask_slowly,
    want_slowly,
)
from hapanel.observe.task_hints import guests_started, guests_touched
from hapanel.ports.cluster_gateway import ClusterGateway
from hapanel.ports.errors import ClusterError, OtherCluster, PermissionMissing
from nodes.models import Cluster

SEES_GUESTS = "VM.Audit"

logger = logging.getLogger(__name__)


def observe(
    cluster: Cluster,
    gateway: ClusterGateway,
    *,
    judge_rights: JudgeRights | None = None,
) -> bool:
    """Look at `cluster` once and record what changed; whether it answered.

    judge_rights: see `ask_slowly`.
    Raises RedisError and DatabaseError; what the cluster does wrong is recorded, not raised.
    """
    began = now()
    pace = read_pace(cluster.pk)
    memory = memory_of(cluster, pace)
    plan = pace.plan(began)
    if memory.picture.membership is None:
        plan = Plan(whole=True, membership=True, tasks=plan.tasks)
    pace = pace.after(began, plan)
    write_pace(cluster.pk, pace)
    try:
        answers = ask(gateway, plan, _known_digest(memory))
        answers = with_second_opinion(cluster, gateway, answers, memory, plan)
        _refuse_strangers(cluster, answers, memory)
        _refuse_emptiness(cluster, gateway, answers, memory, judge_rights)
    except ClusterError as error:
        fail(cluster, error)
        return False
    if pace.failures:
        write_pace(cluster.pk, pace.recovered())
    try:
        _record(cluster, answers, memory, plan)
    except BaseException:
        forget(cluster.pk)
        raise
    memory.digest = answers.digest
    if plan.whole:
        ask_slowly(cluster, gateway, judge_rights)
    return True


def fail(cluster: Cluster, error: ClusterError) -> None:
    """Record that a look failed (also one whose gateway could not even be opened)."""
    journal, at = Journal(), datetime.now(UTC)
    reach = reach_of(error)
    if reach != cluster.reach:
        logger.warning("%s is not seen: %s (%s)", cluster.name, error.reason, error.kind)
    write_pace(cluster.pk, read_pace(cluster.pk).after_failure(now(), reach))
    with transaction.atomic():
        write_failure(cluster, error, at, journal)
        journal.write(cluster, at)


def _refuse_strangers(cluster: Cluster, answers: Answers, memory: Memory) -> None:
    """The gateway looks at names; here the records know which nodes there are. When not one of them
    is in the answer, it is another cluster that happens to be called the same.

    Raises OtherCluster.
    """
    resources, known = answers.look.resources, memory.picture.nodes
    if resources is None or not known or not resources.nodes:
        return
    names = {node.name for node in resources.nodes}
    if not names & known.keys():
        raise OtherCluster(
            f"{', '.join(sorted(names))} answer there, none of which is in {cluster.name}",
            address=answers.answered_by,
        )


def _refuse_emptiness(
    cluster: Cluster,
    gateway: ClusterGateway,
    answers: Answers,
    memory: Memory,
    judge_rights: JudgeRights | None,
) -> None:
    """Proxmox leaves out what a token may not see without a word. So when every guest is gone at
    once, the token's rights are looked at before anybody says that they were removed.

    Raises PermissionMissing when the right to see guests is gone, or what the question raises.
    """
    resources = answers.look.resources
    if resources is None or resources.guests or not memory.picture.guests or judge_rights is None:
        return
    ask_rights(cluster, gateway, judge_rights)
    if SEES_GUESTS in cluster.missing_privileges:
        raise PermissionMissing(f"(/vms, {SEES_GUESTS}): Proxmox lists no guest any more")


def _known_digest(memory: Memory) -> bytes | None:
    return memory.digest if memory.picture.resources is not None else None


def _record(cluster: Cluster, answers: Answers, memory: Memory, plan: Plan) -> None:
    look, journal = answers.look, Journal()
    found = memory.picture.see(look)
    if found:
        # Before the first write: should this process die in between, nobody trusts old memories.
        write_generation(cluster.pk, memory.new_generation())
    newly_ended = _newly_ended(answers, memory)
    to_read = guests_touched(answers.tasks or (), newly_ended)
    with transaction.atomic():
        write_starts(cluster, guests_started(answers.tasks or (), newly_ended))
        to_read += _write(cluster, found, answers, memory, journal)
        journal.write(cluster, look.answered_at)
    if look.resources is not None:
        memory.figures_at = look.answered_at
    if plan.whole or found.nodes:
        _replace_figures(cluster, memory)
    pulse.note_seen(cluster.name, look.answered_at)
    want_configurations(cluster.pk, to_read)
    if found.nodes or found.gone_nodes:
        want_slowly(cluster.pk, "qdevice", "votes")


def _write(
    cluster: Cluster, found: Differences, answers: Answers, memory: Memory, journal: Journal
) -> list[int]:
    """Write everything that changed; the guests whose configuration is to be read anew."""
    look = answers.look
    announced = None
    if look.ha is not None or look.membership is not None:
        announced = memory.quorum.hear(judged_quorate(memory))
    guests = write_guests(cluster, found, look, memory.picture, journal)
    write_nodes(cluster, found, look, journal)
    write_storages(cluster, found, look, journal)
    write_services(cluster, found, look, journal)
    write_state(cluster, answers, memory, journal)
    if found.nodes or found.gone_nodes:
        write_votes(cluster, journal)
    tell_quorum(cluster, announced, journal)
    return guests.to_read


def _replace_figures(cluster: Cluster, memory: Memory) -> None:
    """Once a round: Proxmox measures every ten seconds, whoever watches."""
    if memory.figures_at is not None:
        write_figures(cluster.pk, memory.figures_at, memory.picture)
        publish([(cluster.name, Kind.METRICS, "")])
        memory.figures_at = None


def _newly_ended(answers: Answers, memory: Memory) -> frozenset[str]:
    """The UPIDs of tasks that ended since the last look at them; none at the first."""
    if answers.tasks is None:
        return frozenset()
    ended = frozenset(t.upid.raw for t in answers.tasks if not t.running)
    known, memory.finished_tasks = memory.finished_tasks, ended
    return frozenset() if known is None else ended - known
