"""What the HA configuration of a cluster can be changed to. None leaves a thing as it is."""

from __future__ import annotations

import msgspec


class ResourceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of an HA resource. state: started, stopped, disabled or ignored. An empty comment
    is none."""

    state: str | None = None
    max_restart: int | None = None
    max_relocate: int | None = None
    failback: bool | None = None
    comment: str | None = None


class RuleSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of an HA rule (PVE 9). type: node-affinity or resource-affinity; nodes may have
    priorities (`pve1:2`) and stand in the first kind only, affinity (positive, negative) in the
    other."""

    type: str | None = None
    resources: tuple[str, ...] | None = None
    nodes: tuple[str, ...] | None = None
    affinity: str | None = None
    strict: bool | None = None
    disabled: bool | None = None
    comment: str | None = None
