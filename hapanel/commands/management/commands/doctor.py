"""`doctor`: looks at every part of the installation and names a remedy for each fault."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from hapanel.commands import examine_panel
from hapanel.commands.examine_clusters import clusters
from hapanel.commands.findings import Finding, Findings, Verdict
from hapanel.commands.own_machine import look_around


class Command(BaseCommand):
    """Exit status 1 when something fails; warnings alone leave it at 0."""

    help = "Check database, Redis, worker, beat, follower, clusters, clocks and secrets."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON list for programs")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        found = [finding for examination in examinations() for finding in examination()]
        if options["json"]:
            self.stdout.write(json.dumps([finding.as_record() for finding in found], indent=1))
        else:
            self._print(found)
        failed = sum(finding.verdict is Verdict.FAIL for finding in found)
        if failed:
            raise CommandError(f"{failed} of {len(found)} findings need a cure.")

    def _print(self, found: list[Finding]) -> None:
        styles = {
            Verdict.OK: self.style.SUCCESS,
            Verdict.WARN: self.style.WARNING,
            Verdict.FAIL: self.style.ERROR,
        }
        for finding in found:
            self.stdout.write(styles[finding.verdict](finding.as_text()))


def examinations() -> list[Callable[[], Findings]]:
    """In the order in which one fault explains the next."""
    return [
        examine_panel.settings_are_safe,
        examine_panel.secret_files_are_private,
        examine_panel.database,
        examine_panel.redis_server,
        examine_panel.programs,
        examine_panel.accounts,
        partial(clusters, look_around()),
    ]
