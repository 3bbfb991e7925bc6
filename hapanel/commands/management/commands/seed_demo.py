"""`seed_demo`: fills a demo from the line that its lab printed."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction

from hapanel.commands import demo_seed
from hapanel.commands.refusing import refusing


class Command(BaseCommand):
    """People, tokens, the lab's cluster and its services; may be run again at any time."""

    help = "Fill a demo: accounts ada, oda and hal, the lab's cluster, its services."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--ready", type=Path, required=True, metavar="FILE")

    @refusing
    def handle(self, *_arguments: Any, **options: Any) -> None:
        demo_seed.require_demo()
        ready = demo_seed.read_ready_line(options["ready"])
        with transaction.atomic():
            people = demo_seed.seed_people()
            cluster = demo_seed.seed_cluster(ready, settings.VAR_DIR / "demo-cluster")
            demo_seed.seed_ssh(cluster, ready)
            demo_seed.seed_services(cluster, ready.services)
            demo_seed.seed_tokens(people, settings.VAR_DIR / "demo-tokens.json")
        self.stdout.write(
            f"{cluster.name}: {len(ready.nodes)} nodes, {len(ready.services)} services"
        )
