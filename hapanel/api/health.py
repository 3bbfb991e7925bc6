"""/healthz: this process answers. /readyz: everything that the panel stands on answers too."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis import RedisError

from hapanel.live import pulse
from nodes.models import Cluster

PLAIN = "text/plain; charset=utf-8"


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """200 while this process answers; asks nobody else."""
    return HttpResponse("ok\n", content_type=PLAIN)


@never_cache
@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """200 when the panel can do its work, else 503 and a line for each thing that is missing.

    For load balancers and scripts, hence plain English and open to everybody: it names parts of
    the panel, and of clusters no more than how many wait.
    """
    missing = list(_missing())
    body = "\n".join(missing or ["ok"]) + "\n"
    return HttpResponse(body, status=503 if missing else 200, content_type=PLAIN)


def _missing() -> Iterator[str]:
    """What is missing, the deepest cause first: what stands on it is not asked any more."""
    try:
        waiting = _clusters_waiting()
    except Error as error:
        yield f"the database does not answer ({type(error).__name__})"
        return
    try:
        pulse.redis_answers()
        if not pulse.is_alive(pulse.Part.WORKER):
            yield "no worker gave a sign of life within the last seconds"
            return
    except RedisError as error:
        yield f"Redis does not answer ({type(error).__name__})"
        return
    if waiting:
        yield f"{waiting} of the clusters had no first look yet"


def _clusters_waiting() -> int:
    """Clusters without their first attempted round; in the demo, without a successful one."""
    connection.ensure_connection()
    field = "observed_at" if settings.DEMO else "attempted_at"
    return Cluster.objects.filter(**{field: None}).count()
