"""The web process: event streams as coroutines, everything else as plain Django in threads.

Synchronous views are several times faster under WSGI than under Django's own ASGI handler, and
event streams need no thread each; so one process and one port serve both.
"""

from __future__ import annotations

import os
import resource
import signal
from types import FrameType
from typing import Any

from a2wsgi import WSGIMiddleware
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hapanel.settings")
django_application = get_wsgi_application()

from django.conf import settings  # noqa: E402 - settings and models need Django to be set up

from hapanel.accounts.visitors import permissions_of  # noqa: E402
from hapanel.live.hub import MOST_STREAMS, Hub  # noqa: E402
from hapanel.live.sse import PATH, EventStreams, Receive, Scope, Send  # noqa: E402
from hapanel.live.whole_requests import WholeRequests  # noqa: E402

# Each thread may hold a database connection; more of them than this help nobody on few cores.
WEB_THREADS = 12
FILES_BESIDE_STREAMS = 500


class Application:
    """The ASGI application that uvicorn runs."""

    def __init__(self) -> None:
        self._hub = Hub(settings.REDIS.client_url)
        self._events = EventStreams(self._hub, permissions_of)
        wsgi: Any = django_application
        # An answer leaves its thread at once (0: a queue without end), however slowly it is read.
        self._pages = WholeRequests(WSGIMiddleware(wsgi, workers=WEB_THREADS, send_queue_size=0))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live through the server's life."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and scope["path"] == PATH:
            await self._events(scope, receive, send)
        else:
            await self._pages(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                make_room_for_streams()
                self._hub.start()
                self._end_streams_with_us()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._hub.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def _end_streams_with_us(self) -> None:
        """The server waits for open requests before it ends, and streams are open for ever: they
        end as soon as a signal says so."""
        for number in (signal.SIGTERM, signal.SIGINT):
            before = signal.getsignal(number)

            def ending(number: int, frame: FrameType | None, before: Any = before) -> None:
                self._hub.end_streams()
                if callable(before):
                    before(number, frame)

            signal.signal(number, ending)


def make_room_for_streams() -> None:
    """Raise the soft limit of open files to what the hub's most streams need, if we may.

    A login shell and systemd start us with 1,024, and who comes after that is not even refused.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_STREAMS + FILES_BESIDE_STREAMS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


application = Application()
