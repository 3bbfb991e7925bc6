"""`is_alive web|worker|beat|follower`: the health check of containers; exit code 0 or 1."""

from __future__ import annotations

from argparse import ArgumentParser
from http.client import HTTPConnection, HTTPException
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from redis.exceptions import RedisError

from hapanel.live.pulse import Part, is_alive

WEB = "web"
TIMEOUT_SECONDS = 4


class Command(BaseCommand):
    """Asks the web process itself, and Redis for the last sign of life of the others."""

    help = "End with 0 when this part of the panel gave a sign of life a moment ago, else with 1."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("part", choices=[WEB, *Part])
        parser.add_argument("--port", type=int, default=8000, help="where web listens")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        part = options["part"]
        alive = _web_answers(options["port"]) if part == WEB else _gave_a_sign(Part(part))
        if not alive:
            raise CommandError(f"{part} gives no sign of life. Its log says why.")
        self.stdout.write(f"{part} is alive")


def _web_answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _gave_a_sign(part: Part) -> bool:
    try:
        return is_alive(part)
    except RedisError as error:
        raise CommandError(f"Redis does not answer: {error}") from error
