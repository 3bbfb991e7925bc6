"""The HA configuration as it is and as it would be, and whether it shows a change."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from hapanel.ha.change.wish import HaChange, Verb
from hapanel.ports.cluster import HaRule, HaService
from hapanel.ports.ha_changes import ResourceSettings, RuleSettings

_DISARMING = "disarming"
_DISARMED = "disarmed"


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What is configured. armed: Proxmox's word (armed, standby, disarming, disarmed), blank
    before PVE 9.2."""

    resources: tuple[HaService, ...] = ()
    rules: tuple[HaRule, ...] = ()
    armed: str = ""

    def resource(self, sid: str) -> HaService | None:
        """The entry of a resource."""
        return next((each for each in self.resources if each.sid == sid), None)

    def rule(self, name: str) -> HaRule | None:
        """The entry of a rule."""
        return next((each for each in self.rules if each.rule == name), None)

    @property
    def is_disarmed(self) -> bool:
        """Whether HA is disarmed or about to be."""
        return self.armed in (_DISARMING, _DISARMED)


def merged_rule(known: HaRule | None, name: str, wanted: RuleSettings) -> HaRule:
    """The rule as it is after the change."""
    rule = known or HaRule(rule=name, type=wanted.type or "", resources=())
    told = {
        "resources": wanted.resources,
        "nodes": wanted.nodes,
        "affinity": wanted.affinity,
        "strict": wanted.strict,
        "disabled": wanted.disabled,
        "comment": wanted.comment,
    }
    return replace(rule, **{name: value for name, value in told.items() if value is not None})


def rules_after(rules: Iterable[HaRule], change: HaChange) -> tuple[HaRule, ...]:
    """The cluster's rules after the change, in the order of their names."""
    by_name = {rule.rule: rule for rule in rules}
    match change.verb:
        case Verb.ADD_RULE | Verb.CHANGE_RULE:
            by_name[change.key] = merged_rule(by_name.get(change.key), change.key, change.rule)
        case Verb.REMOVE_RULE:
            by_name.pop(change.key, None)
        case Verb.REMOVE_RESOURCE:
            left = (_without(rule, change.key) for rule in by_name.values())
            by_name = {rule.rule: rule for rule in left if rule.resources}
    return tuple(by_name[name] for name in sorted(by_name))


def _without(rule: HaRule, sid: str) -> HaRule:
    return replace(rule, resources=tuple(each for each in rule.resources if each != sid))


def is_shown(found: Configuration, change: HaChange) -> bool:
    """Whether the configuration is what the change wanted it to be."""
    match change.verb:
        case Verb.ADD_RESOURCE | Verb.CHANGE_RESOURCE:
            resource = found.resource(change.key)
            return resource is not None and has_settings(resource, change.resource)
        case Verb.REMOVE_RESOURCE:
            return found.resource(change.key) is None
        case Verb.ADD_RULE | Verb.CHANGE_RULE:
            rule = found.rule(change.key)
            return rule is not None and is_like(rule, change.rule)
        case Verb.REMOVE_RULE:
            return found.rule(change.key) is None
        case Verb.DISARM:
            return found.armed == _DISARMED
        case Verb.ARM:
            return bool(found.armed) and not found.is_disarmed


def has_settings(resource: HaService, wanted: ResourceSettings) -> bool:
    """Whether the resource has all that is wanted of it. What Proxmox does not tell is at its
    default: started, one restart, one move, back by itself, no comment."""
    has = {
        "state": _state(resource.request_state or resource.state),
        "max_restart": 1 if resource.max_restart is None else resource.max_restart,
        "max_relocate": 1 if resource.max_relocate is None else resource.max_relocate,
        "failback": resource.failback is not False,
        "comment": (resource.comment or "").strip(),
    }
    told = {
        "state": None if wanted.state is None else _state(wanted.state),
        "max_restart": wanted.max_restart,
        "max_relocate": wanted.max_relocate,
        "failback": wanted.failback,
        "comment": None if wanted.comment is None else wanted.comment.strip(),
    }
    return all(value is None or has[name] == value for name, value in told.items())


def _state(word: str) -> str:
    """`enabled` is an older word for `started`."""
    return "started" if word in ("", "enabled") else word


def is_like(rule: HaRule, wanted: RuleSettings) -> bool:
    """Whether the rule has all that is wanted of it, whatever the order of its lists."""
    has = {
        "type": rule.type,
        "resources": sorted(rule.resources),
        "nodes": sorted(map(_node, rule.nodes)),
        "affinity": rule.affinity or "",
        "strict": rule.strict,
        "disabled": rule.disabled,
        "comment": (rule.comment or "").strip(),
    }
    told = {
        "type": wanted.type,
        "resources": None if wanted.resources is None else sorted(wanted.resources),
        "nodes": None if wanted.nodes is None else sorted(map(_node, wanted.nodes)),
        "affinity": wanted.affinity,
        "strict": wanted.strict,
        "disabled": wanted.disabled,
        "comment": None if wanted.comment is None else wanted.comment.strip(),
    }
    return all(value is None or has[name] == value for name, value in told.items())


def _node(told: str) -> tuple[str, int]:
    """`pve1:0` is `pve1`."""
    name, _, priority = told.partition(":")
    return name, int(priority) if priority.isdecimal() else 0
