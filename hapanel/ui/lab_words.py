"""What is switched in a lab, in words: for lists of operations and for the Lab page's buttons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

SWITCHES: Mapping[str, str | Promise] = {
    "crash": _("Cut the power"),
    "power_on": _("Switch on"),
    "cut": _("Cut the cable"),
    "heal": _("Plug the cable in"),
    "maintenance_on": _("Maintenance on"),
    "maintenance_off": _("Maintenance off"),
    "qdevice_on": _("Connect the QDevice"),
    "qdevice_off": _("Disconnect the QDevice"),
}
NETWORKS: Mapping[str, str | Promise] = {
    "cluster": _("cluster network"),
    "replication": _("replication network"),
    "all": _("both networks"),
}
FAULTS: Mapping[str, str | Promise] = {
    "ok": _("works"),
    "slow": _("slow, by so many ms"),
    "refuse": _("refuses connections"),
    "reset": _("resets connections"),
    "hang": _("hangs"),
    "hang-body": _("hangs after the first byte"),
    "drip": _("answers a byte at a time"),
    "drop-answer": _("does the work, drops the answer"),
    "error": _("answers with this HTTP status"),
    "garbage": _("answers garbage"),
    "html": _("answers a web page"),
    "cut-json": _("cuts its answers short"),
    "huge": _("answers with so many MB"),
    "wrong-types": _("answers with wrong types"),
    "unknown-words": _("answers with unknown words"),
    "flicker": _("tells quorum by chance"),
    "other-cluster": _("leads to another cluster"),
}


def fault_text(fault: str) -> str:
    """A node's API fault in words; the lab's own word for one that has none."""
    return str(FAULTS.get(fault, fault))


def switch_text(params: Mapping[str, Any]) -> str:
    """What a lab's operation switches, such as `Cut the cable: cluster network`."""
    switch = str(params.get("switch", ""))
    if switch == "api":
        amount = params.get("amount")
        number = "" if amount is None else f" ({amount})"
        return gettext("API: %(fault)s") % {"fault": fault_text(params["fault"]) + number}
    words = str(SWITCHES.get(switch, switch))
    if switch in {"cut", "heal"}:
        network = str(NETWORKS.get(params.get("network", ""), ""))
        return gettext("%(what)s: %(network)s") % {"what": words, "network": network}
    return words
