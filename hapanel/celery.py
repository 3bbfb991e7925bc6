"""The Celery application. Every task lives in hapanel/workers; web code nudges with send_task."""

from __future__ import annotations

import os

from celery import Celery
from celery.signals import celeryd_init
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hapanel.settings")
# Django's checks import every page and the whole API; `migrate` runs them before a worker starts.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("hapanel")


@celeryd_init.connect
def bring_tasks(**_about_the_worker: object) -> None:
    """Load the tasks in workers alone: beat sends them by name and is smaller without them."""
    app.loader.import_task_module("hapanel.workers.tasks")


app.conf.update(
    broker_url=settings.REDIS.celery_url,
    result_backend=None,
    task_ignore_result=True,
    # A task that is lost with its worker is found again by the sweep, never by redelivery: a second
    # delivery of a step that was already sent could start it twice.
    task_acks_late=False,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"socket_timeout": 10, "socket_connect_timeout": 5},
    timezone=settings.TIME_ZONE,
    enable_utc=True,
    task_default_queue="hapanel",
    task_serializer="json",
    accept_content=["json"],
    beat_max_loop_interval=1,
    # redbeat keeps beat's lock in Redis. After a kill -9 the next beat waits for it to run out.
    redbeat_redis_url=settings.REDIS.client_url,
    redbeat_key_prefix="hapanel:beat:",
    redbeat_lock_timeout=8,
    beat_schedule={
        task.replace("_", "-"): {"task": task, "schedule": every, "options": {"expires": 2 * every}}
        for task, every in {
            "observe_clusters": 1.0,
            "sweep_operations": 1.0,
            "read_guest_configurations": 1.0,
            "probe_services": 1.0,
            "note_heartbeat": 2.0,
            "learn_boots": 15.0,
            "begin_scheduled_verifies": 5.0,
            **({"read_lab": 1.0} if settings.LAB_URL else {}),
        }.items()
    },
)
