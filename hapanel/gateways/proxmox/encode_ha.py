"""Bodies of the requests that change the HA configuration (pve-ha-manager, API2/HA)."""

from __future__ import annotations

from typing import Any

from hapanel.ports.ha_changes import ResourceSettings, RuleSettings


def new_resource(sid: str, settings: ResourceSettings) -> dict[str, Any]:
    """POST /cluster/ha/resources."""
    body = {"sid": sid, **_resource(settings)}
    if not settings.comment:
        body.pop("comment", None)
    return body


def changed_resource(settings: ResourceSettings, digest: str | None) -> dict[str, Any]:
    """PUT /cluster/ha/resources/{sid}. An empty comment is one to be deleted."""
    return _change(_resource(settings), digest)


def new_rule(rule: str, settings: RuleSettings) -> dict[str, Any]:
    """POST /cluster/ha/rules."""
    body = {"rule": rule, **_rule(settings)}
    if not settings.comment:
        body.pop("comment", None)
    return body


def changed_rule(settings: RuleSettings, digest: str | None) -> dict[str, Any]:
    """PUT /cluster/ha/rules/{rule}."""
    return _change(_rule(settings), digest)


def _change(body: dict[str, Any], digest: str | None) -> dict[str, Any]:
    if body.get("comment") == "":
        del body["comment"]
        body["delete"] = "comment"
    if digest:
        body["digest"] = digest
    return body


def _resource(settings: ResourceSettings) -> dict[str, Any]:
    return _told(
        state=settings.state,
        max_restart=settings.max_restart,
        max_relocate=settings.max_relocate,
        failback=_flag(settings.failback),
        comment=settings.comment,
    )


def _rule(settings: RuleSettings) -> dict[str, Any]:
    return _told(
        type=settings.type,
        resources=_list(settings.resources),
        nodes=_list(settings.nodes),
        affinity=settings.affinity,
        strict=_flag(settings.strict),
        disable=_flag(settings.disabled),
        comment=settings.comment,
    )


def _told(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _flag(value: bool | None) -> int | None:
    return None if value is None else int(value)


def _list(values: tuple[str, ...] | None) -> str | None:
    return None if values is None else ",".join(values)
