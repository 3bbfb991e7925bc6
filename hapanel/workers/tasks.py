"""Every Celery task, each a few lines: who is due, take the lock, open the way, call the room.

Beat sends the plain ones each second. Nothing here waits for anything: what is locked is somebody
else's, what is not due comes up again in a second.
"""

from __future__ import annotations

import logging
import time

from django.conf import settings
from django.utils import timezone
from redis import RedisError

from hapanel import wiring
from hapanel.celery import app
from hapanel.helpdesk import boots
from hapanel.live import pulse
from hapanel.live.attention import Watched, is_watched
from hapanel.live.lab_picture import remember, remember_silence
from hapanel.live.lock import held, is_held
from hapanel.observe.guest_configurations import is_anything_to_read, read_some
from hapanel.observe.pace import now, read_pace
from hapanel.observe.round import fail, observe
from hapanel.observe.staleness import tell_stale
from hapanel.operations import machine, privileges, verify_due
from hapanel.operations.models import Operation, State
from hapanel.ports.errors import ClusterError
from hapanel.workers.probing import stand_in
from nodes.models import Cluster, Reach

logger = logging.getLogger(__name__)

EXPIRES_SECONDS = 3.0
# A shorter wait is not left to the sweep, which comes once a second.
SOON_SECONDS = 0.9


@app.task(name="observe_clusters")
def observe_clusters() -> None:
    """Send a look at each cluster that is due."""
    operating = _operating_clusters()
    watched = is_watched(Watched.CLUSTERS)
    for cluster in Cluster.objects.only("pk", "name", "reach", "observed_at"):
        tell_stale(cluster)
        hurried = watched or cluster.pk in operating
        due = read_pace(cluster.pk).is_due(cluster, now(), hurried=hurried)
        if due and not is_held(_observing(cluster.pk)):
            observe_cluster.apply_async(args=(cluster.pk,), expires=EXPIRES_SECONDS)


@app.task(name="observe_cluster")
def observe_cluster(cluster_id: int) -> None:
    """Look at one cluster, unless somebody is just doing so."""
    with held(_observing(cluster_id)) as hold:
        if hold is None:
            return
        cluster = Cluster.objects.filter(pk=cluster_id).first()
        if cluster is None:
            return
        try:
            with wiring.gateway_of(cluster) as gateway:
                observe(cluster, gateway, judge_rights=_lacking)
        except ClusterError as error:
            fail(cluster, error)


@app.task(name="sweep_operations")
def sweep_operations() -> None:
    """Send every operation that is due and in nobody's hands on its way."""
    for operation_id in machine.runnable():
        advance_operation.apply_async(args=(operation_id,), expires=EXPIRES_SECONDS)


@app.task(name="advance_operation")
def advance_operation(operation_id: int) -> None:
    """Take an operation as far as it goes without waiting."""
    wait = machine.carry_on(operation_id, wiring.Wiring())
    if wait is not None and wait < SOON_SECONDS:
        advance_operation.apply_async(args=(operation_id,), countdown=wait)


@app.task(name="begin_scheduled_verifies")
def begin_scheduled_verifies() -> None:
    """See to the verifies whose time has come, one after the other: each looks for others on its
    link."""
    due = verify_due.due_schedules(timezone.now())
    if not due:
        return
    with held("scheduled-verifies") as hold:
        for schedule_id in due if hold else ():
            verify_due.see_to(schedule_id)


@app.task(name="read_guest_configurations")
def read_guest_configurations() -> None:
    """Send the slow lane of each cluster on its way that has something to read."""
    for cluster in Cluster.objects.filter(reach=Reach.OK).only("pk", "name"):
        if not is_held(_reading(cluster.pk)) and is_anything_to_read(cluster):
            read_configurations_of.apply_async(args=(cluster.pk,), expires=EXPIRES_SECONDS)


@app.task(name="read_configurations_of")
def read_configurations_of(cluster_id: int) -> None:
    """Read a few guest configurations of one cluster."""
    with held(_reading(cluster_id)) as hold:
        cluster = Cluster.objects.filter(pk=cluster_id).first()
        if hold is None or cluster is None:
            return
        began = time.monotonic()
        try:
            with wiring.gateway_of(cluster) as gateway:
                read_some(cluster, gateway)
        except ClusterError as error:
            logger.info("%s: configurations not read: %s", cluster.name, error.reason)
        # At most five a second also when beat's ticks come close together.
        time.sleep(max(0.0, SOON_SECONDS - (time.monotonic() - began)))


@app.task(name="probe_services")
def probe_services() -> None:
    """Probe services while no follower does."""
    stand_in()


@app.task(name="learn_boots")
def learn_boots() -> None:
    """Put together what the task lists and the probes told about how long guests boot."""
    boots.learn_boots()


@app.task(name="read_lab")
def read_lab() -> None:
    """Read the switches of the lab while somebody has its page open."""
    if not settings.LAB_URL or not is_watched(Watched.LAB):
        return
    with held("lab") as hold:
        if hold is None:
            return
        try:
            remember(wiring.lab_control().look())
        except ClusterError as error:
            remember_silence(error.reason)


@app.task(name="note_heartbeat")
def note_heartbeat() -> None:
    """Beat sent this and a worker ran it: both live."""
    try:
        pulse.note(pulse.Part.BEAT)
        pulse.note(pulse.Part.WORKER)
    except RedisError:
        logger.warning("Redis does not take the sign of life")


def _operating_clusters() -> set[int]:
    """The clusters on which an operation runs right now."""
    running = Operation.objects.filter(state=State.RUNNING, cluster__isnull=False).order_by()
    return {pk for pk in running.values_list("cluster_id", flat=True) if pk is not None}


def _lacking(rights: privileges.Rights) -> list[str]:
    """The privileges that the panel needs and the token has not."""
    return [need.privilege for need in privileges.missing(rights)]


def _observing(cluster_id: int) -> str:
    return f"observe:{cluster_id}"


def _reading(cluster_id: int) -> str:
    return f"configurations:{cluster_id}"
