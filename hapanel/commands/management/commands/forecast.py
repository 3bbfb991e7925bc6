"""`forecast CLUSTER --fail NODE`: what happens if nodes die now, judged from the records."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from django.utils.translation import gettext

from hapanel.api.forecasts import forecast_values
from hapanel.api.refusals import UNKNOWN_CLUSTER
from hapanel.commands.refusing import refusing
from hapanel.ha.forecast.outcome import Forecast, GuestForecast
from hapanel.ha.forecast.timing import Window
from hapanel.kernel.refusal import Refused
from hapanel.operations.forecasts import forecast
from nodes.models import Cluster


class Command(BaseCommand):
    """Asks nothing of the cluster: it says how old what it judges from is."""

    help = "Say what becomes of each guest if these nodes of a cluster die now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("cluster")
        parser.add_argument(
            "--fail", action="append", required=True, metavar="NODE", help="may be repeated"
        )
        parser.add_argument("--json", action="store_true", help="as POST /api/v1/forecasts/ has it")

    @refusing
    def handle(self, *_arguments: Any, **options: Any) -> None:
        cluster = Cluster.objects.filter(name=options["cluster"]).first()
        if cluster is None:
            raise Refused(UNKNOWN_CLUSTER(cluster=options["cluster"]))
        told = forecast(cluster, options["fail"])
        now = timezone.now()
        if options["json"]:
            values = forecast_values(told, now, cluster.observed_at)
            self.stdout.write(json.dumps(values, indent=1, cls=DjangoJSONEncoder))
            return
        seen_at = cluster.observed_at or now
        self.stdout.write(f"seen {round((now - seen_at).total_seconds())} s ago")
        for line in _lines(told):
            self.stdout.write(line)


def _lines(told: Forecast) -> list[str]:
    names = ", ".join(told.fail)
    state = {True: "keeps its quorum", False: "has no quorum", None: "may or may not be quorate"}
    votes = f"{told.votes_left} of {told.votes_expected} votes, {told.votes_needed} needed"
    lines = [f"{told.cluster} without {names}: {state[told.quorate]} ({votes})"]
    if told.manager:
        lines.append(f"HA manager: {told.manager} -> {told.manager_after or '?'}")
    lines += [f"{node} resets itself: {_seconds(each)}" for node, each in told.resets.items()]
    lines += [_line(guest) for guest in told.guests if guest.is_touched]
    stay = sum(not guest.is_touched for guest in told.guests)
    lines.append(f"{stay} guests stay as they are")
    return lines + [f"not known: {each.sentence(gettext)}" for each in told.unknowns]


def _line(guest: GuestForecast) -> str:
    words = [f"{guest.vmid} {guest.name}".strip() + f" ({guest.home}): {guest.outcome}"]
    if guest.node:
        words.append(f"-> {guest.node}")
    if guest.seconds:
        words.append(_seconds(guest.seconds))
    reasons = " ".join(each.sentence(gettext) for each in (*guest.reasons, *guest.unknowns))
    return f"{' '.join(words)}. {reasons}"


def _seconds(window: Window) -> str:
    return f"{window.least:.0f} - {window.typical:.0f} - {window.most:.0f} s"
