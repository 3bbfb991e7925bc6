"""Answers of the HA manager: its status, its resources, its rules."""

from __future__ import annotations

from typing import Any

from hapanel.gateways.proxmox.wire import Wire, comma_separated, moment, rows
from hapanel.ports.cluster import HaRule, HaService, HaStatus, LrmState


class _HaRow(Wire, frozen=True, kw_only=True, rename={"armed_state": "armed-state"}):
    """One row of /cluster/ha/status/current: quorum, master, fencing, lrm or service."""

    type: str
    id: str = ""
    node: str | None = None
    status: str = ""
    quorate: bool | None = None
    timestamp: int | None = None
    armed_state: str | None = None
    sid: str = ""
    state: str = ""
    crm_state: str | None = None
    request_state: str | None = None
    max_restart: int | None = None
    max_relocate: int | None = None
    failback: bool | None = None
    group: str | None = None
    comment: str | None = None


def ha_status(body: bytes) -> HaStatus:
    """/cluster/ha/status/current. Before PVE 9.2 there is no fencing row, without HA no master."""
    found = rows(body, _HaRow)
    first = {row.type: row for row in reversed(found)}
    quorum, master, fencing = (first.get(kind) for kind in ("quorum", "master", "fencing"))
    return HaStatus(
        quorate=quorum.quorate if quorum else None,
        quorum_text=quorum.status if quorum else "",
        manager_node=master.node if master else None,
        manager_state=bracketed(master.status) if master else None,
        armed_state=fencing.armed_state if fencing else None,
        lrms=tuple(_lrm(row) for row in found if row.type == "lrm" and row.node),
        services=tuple(_service(row) for row in found if row.type == "service" and _sid(row)),
    )


def bracketed(text: str) -> str:
    """The state in `pve1 (active, watchdog active, Mon Nov 23 ...)`: active.

    8.4 has no watchdog part. `maintenance mode` is said as maintenance, `old timestamp - dead?`
    (no news for 30 s; pve-ha-manager, API2/HA/Status.pm) as dead.
    """
    _, bracket, rest = text.partition("(")
    if not bracket:
        return text.strip()
    word = rest.partition(",")[0].partition(")")[0].strip()
    return "dead" if "dead?" in word else word.removesuffix(" mode")


def _lrm(row: _HaRow) -> LrmState:
    state = bracketed(row.status)
    return LrmState(
        node=row.node or "",
        state=state,
        dead=state == "dead",
        text=row.status,
        timestamp=moment(row.timestamp),
    )


def _sid(row: _HaRow) -> str:
    return row.sid or row.id.removeprefix("service:")


def _service(row: _HaRow) -> HaService:
    return HaService(
        sid=_sid(row),
        node=row.node,
        state=row.state or row.crm_state or "unknown",
        crm_state=row.crm_state,
        request_state=row.request_state,
        max_restart=row.max_restart,
        max_relocate=row.max_relocate,
        failback=row.failback,
        group=row.group,
        comment=row.comment,
    )


class _HaResource(Wire, frozen=True, kw_only=True):
    sid: str
    state: str = "started"
    max_restart: int | None = None
    max_relocate: int | None = None
    failback: bool | None = None
    group: str | None = None
    comment: str | None = None
    digest: str | None = None


def ha_services(body: bytes) -> tuple[HaService, ...]:
    """/cluster/ha/resources: what is configured. `state` there is the requested one."""
    return tuple(
        HaService(
            sid=row.sid,
            node=None,
            state=row.state,
            request_state=row.state,
            max_restart=row.max_restart,
            max_relocate=row.max_relocate,
            failback=row.failback,
            group=row.group,
            comment=row.comment,
            digest=row.digest,
        )
        for row in rows(body, _HaResource)
    )


class _HaRule(Wire, frozen=True, kw_only=True):
    rule: str
    type: str = ""
    resources: str = ""
    nodes: str = ""
    affinity: str | None = None
    strict: bool = False
    disable: bool = False
    comment: str | None = None
    errors: Any = None
    digest: str | None = None


def ha_rules(body: bytes) -> tuple[HaRule, ...]:
    """/cluster/ha/rules (PVE 9). `nodes` keep their priorities, as in pve1:2."""
    return tuple(
        HaRule(
            rule=row.rule,
            type=row.type,
            resources=comma_separated(row.resources),
            nodes=comma_separated(row.nodes),
            affinity=row.affinity,
            strict=row.strict,
            disabled=row.disable,
            comment=row.comment,
            errors=_flat(row.errors),
            digest=row.digest,
        )
        for row in rows(body, _HaRule)
    )


def _flat(errors: Any) -> str | None:
    """What makes a rule infeasible, as one text: Proxmox nests lists in objects."""
    if not errors:
        return None
    match errors:
        case dict():
            parts = [f"{name}: {_flat(text)}" for name, text in errors.items()]
            return "; ".join(parts)
        case list():
            return "; ".join(part for part in map(_flat, errors) if part)
        case _:
            return str(errors).strip()
