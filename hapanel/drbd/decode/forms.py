"""Which of DRBD's forms a text is, and its decoding."""

from __future__ import annotations

import re
from enum import StrEnum

from msgspec.structs import replace

from hapanel.drbd.decode.events import events_text
from hapanel.drbd.decode.generations import generations
from hapanel.drbd.decode.proc_drbd import proc_drbd
from hapanel.drbd.decode.status_json import status_json
from hapanel.drbd.decode.status_text import status_text
from hapanel.drbd.decode.tool_answers import resource_of_words
from hapanel.ports.replication import (
    ConnectionState,
    DiskState,
    NodeStatus,
    ReplicationState,
    Role,
)


class Form(StrEnum):
    """What printed a text."""

    PROC_DRBD = "/proc/drbd"
    STATUS = "drbdsetup status"
    STATUS_JSON = "drbdsetup status --json"
    EVENTS2 = "drbdsetup events2"
    GENERATIONS = "drbdadm get-gi"
    ROLE = "drbdadm role"
    CSTATE = "drbdadm cstate"
    DSTATE = "drbdadm dstate"
    UNREADABLE = "unreadable"


_FIRST_LOOK = 64 * 1024
_EVENT = re.compile(
    r"^(?:\d{4}-\d\d-\d\dT\S+ )?(?:exists|create|change|destroy|call|response) (?:-|\w[\w-]* )",
    re.M,
)
_PROC = re.compile(r"^(?:version: \d+\.\d+| {0,3}\d+: cs:)", re.M)
_RESOURCE = re.compile(r"^(?:\S+ (?:node-id:\d+ )?role:|# No currently configured DRBD)", re.M)
_ROLES = frozenset(one.value for one in Role) | {"Unconfigured"}
_DISKS = frozenset(one.value for one in DiskState if one is not DiskState.UNKNOWN)
_LINKS = frozenset(
    {one.value for one in (*ConnectionState, *ReplicationState)}
    | {"WFConnection", "WFReportParams"}
) - {"unknown"}


def form_of(text: str) -> Form:
    """The form of `text`, judged by its beginning; UNREADABLE when it is none of DRBD's."""
    start = text[:_FIRST_LOOK]
    if start.lstrip()[:1] in ("[", "{"):
        return Form.STATUS_JSON if _looks_like_status(start) else Form.UNREADABLE
    if _EVENT.search(start):
        return Form.EVENTS2
    if _PROC.search(start):
        return Form.PROC_DRBD
    if generations(start):
        return Form.GENERATIONS
    if _RESOURCE.search(start):
        return Form.STATUS
    return _form_of_words(start.split())


def _looks_like_status(start: str) -> bool:
    return start.strip("[] \t\r\n") == "" or '"devices"' in start or '"role"' in start


def _form_of_words(words: list[str]) -> Form:
    if not words or len(words) > 256:
        return Form.UNREADABLE
    parts = {part for word in words for part in word.split("/")}
    for known, form in ((_ROLES, Form.ROLE), (_DISKS, Form.DSTATE), (_LINKS, Form.CSTATE)):
        if parts <= known and (form is not Form.CSTATE or "/" not in "".join(words)):
            return form
    return Form.UNREADABLE


def decode(text: str, resource: str = "") -> NodeStatus:
    """The state in `text`, whatever its form; `resource` names what bare words belong to."""
    match form_of(text):
        case Form.PROC_DRBD:
            return proc_drbd(text)
        case Form.STATUS:
            return status_text(text)
        case Form.STATUS_JSON:
            return status_json(text)
        case Form.EVENTS2:
            return events_text(text)
        case Form.ROLE:
            return NodeStatus(resources=(resource_of_words(resource, text, "", ""),))
        case Form.CSTATE:
            return NodeStatus(resources=(resource_of_words(resource, "", text, ""),))
        case Form.DSTATE:
            return NodeStatus(resources=(resource_of_words(resource, "", "", text),))
        case _:
            return replace(status_text(text), complete=False)
