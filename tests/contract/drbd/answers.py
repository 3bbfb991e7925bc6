"""Recorded answers beside the lab's: what of them must be the same, and what may differ."""

from __future__ import annotations

import re

COMPARED = frozenset((
    "drbdadm_cstate", "drbdadm_dstate", "drbdadm_role", "drbdadm_status", "drbdadm_status_rs",
    "drbdadm_get_gi", "drbdadm_show_gi", "drbdadm_sh_dev", "drbdadm_version", "drbdadm_version2",
    "drbdadm_dump", "drbdsetup_status", "drbdsetup_status_json", "drbdsetup_status_json_statistics",
    "drbdsetup_status_json_verbose_statistics", "drbdsetup_status_verbose_statistics",
    "drbdsetup_events2_now", "drbdsetup_show", "proc_drbd",
))  # fmt: skip
_COUNTERS = (
    "read|written|al-writes|bm-writes|sent|received|pending|unacked|upper-pending|lower-pending|"
    "rs-in-flight|ap-in-flight|dbdt1|eta|ns|nr|dw|dr|al|bm|lo|pe|ua|ap|ep"
)
_TEXT_COUNTER = re.compile(rf"\b({_COUNTERS}):\S+")
_JSON_COUNTER = re.compile(rf'"({_COUNTERS})": \d+')
_PROGRESS = re.compile(r"\b(oos|out-of-sync|done):\S+")
_JSON_PROGRESS = re.compile(r'"((?:rs|ov|db|want|est|percent|out-of)[^"]*)": [\d.-]+')
_GENERATION = re.compile(r"\b[0-9A-F]{16}\b")
_HISTORY = re.compile(r"^((?:0|GENERATION):(?:0|GENERATION)):\w+:\w+:", re.M)
_TUNED = re.compile(r"^ +(resync-rate|c-[a-z-]+|ping-int|degr-wfc-timeout|wfc-timeout) .*\n", re.M)


def is_moving(text: str) -> bool:
    """True when the answer tells of a sync or a verify, whose figures are another moment's."""
    return re.search("Sync|Verify|Inconsistent", text) is not None


def alike(text: str, *, moving: bool) -> str:
    """The text without counters, identifiers, what was tuned between two recordings and, while
    something moves, progress. Line breaks of status depend on the width of counters.
    """
    text = re.sub(r"\n {6,}", " ", _TUNED.sub("", text))
    text = _JSON_COUNTER.sub(r'"\1": N', _TEXT_COUNTER.sub(r"\1:N", text))
    text = _GENERATION.sub(lambda found: "GENERATION" if int(found[0], 16) else "0", text)
    text = _HISTORY.sub(r"\1:HISTORY:", text).replace(" congested:yes", "")
    text = text.replace(" congested:no", "")
    if not moving:
        return text.rstrip()
    text = _JSON_PROGRESS.sub(r'"\1": N', _PROGRESS.sub(r"\1:N", text))
    text = re.sub(r"\[=*>\.*\] (.*?):.*", r"[bar] \1", text)
    text = re.sub(r"finish: .*? K/sec", lambda t: "finish" + " want" * ("want" in t[0]), text)
    return " ".join(text.split())
