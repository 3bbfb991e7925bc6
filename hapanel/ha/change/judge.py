"""Whether HA may be changed as somebody wishes, and what would follow at once. Pure: a page judges
from records, the worker from what Proxmox says right before the step."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from hapanel.ha import migration_refusals as move_no
from hapanel.ha.change import refusals as no
from hapanel.ha.change.configuration import (
    Configuration,
    has_settings,
    is_like,
    merged_rule,
    rules_after,
)
from hapanel.ha.change.rule_conflicts import conflict_refusals, dropped_rules
from hapanel.ha.change.wish import HaChange, Verb
from hapanel.ha.migration_facts import ClusterFacts
from hapanel.ha.preflight import why_not_seen
from hapanel.kernel.refusal import Refusal
from hapanel.ports.cluster import HaRule
from hapanel.ports.ha_changes import ResourceSettings, RuleSettings

CONSOLE = "Sys.Console"
# pve-configid; Proxmox keeps rules by this name (contract.json).
RULE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,127}")
_OWN = {"node-affinity": ("nodes", "strict"), "resource-affinity": ("affinity",)}
_NEEDS = {"node-affinity": ("resources", "nodes"), "resource-affinity": ("resources", "affinity")}


@dataclass(frozen=True, slots=True)
class KnownGuest:
    """A guest, as far as HA's configuration is concerned."""

    label: str
    is_template: bool = False


@dataclass(frozen=True, slots=True)
class HaFacts:
    """What must be known to judge. guests by service id; in_error: the sids that the HA manager
    has given up; held: what other operations change, by sid, rule name or blank for the cluster."""

    cluster: ClusterFacts
    version: str
    configuration: Configuration
    nodes: tuple[str, ...]
    guests: Mapping[str, KnownGuest]
    in_error: frozenset[str] = frozenset()
    held: Mapping[str, int] | None = None

    def label(self, sid: str) -> str:
        """The guest's number and name; its service id when it is not known."""
        guest = self.guests.get(sid)
        return guest.label if guest else sid

    @property
    def groups(self) -> list[str]:
        """The HA groups of before PVE 9 that resources still name."""
        return sorted({each.group for each in self.configuration.resources if each.group})


Refusals = Iterator[Refusal]


def refusals_of(change: HaChange, facts: HaFacts) -> tuple[Refusal, ...]:
    """Why the change cannot be made; empty when it can. What hinders everything comes first."""
    return (*_of_cluster(change, facts), *_CHECKS[change.verb](change, facts))


def _of_cluster(change: HaChange, facts: HaFacts) -> Refusals:
    cluster = facts.cluster
    blind = why_not_seen(cluster)
    if blind is not None:
        yield blind
    if not cluster.may_operate:
        yield move_no.WATCH_ONLY(cluster=cluster.name)
    elif CONSOLE in cluster.missing_privileges:
        yield no.NEEDS_SYS_CONSOLE(cluster=cluster.name)
    if cluster.quorate is False:
        yield move_no.NO_QUORUM(cluster=cluster.name)
    held = (facts.held or {}).get(change.key)
    if held is not None:
        what = facts.label(change.key) if change.verb.is_about_resource else change.key
        yield no.ANOTHER_CHANGE(operation=held, what=what or cluster.name)


def _add_resource(change: HaChange, facts: HaFacts) -> Refusals:
    guest = facts.guests.get(change.key)
    if guest is None:
        vmid = change.key.partition(":")[2]
        yield move_no.UNKNOWN_GUEST.about("sid", cluster=facts.cluster.name, vmid=vmid)
    elif guest.is_template:
        yield move_no.TEMPLATE(guest=guest.label)
    if facts.configuration.resource(change.key) is not None:
        yield no.ALREADY_MANAGED(guest=facts.label(change.key))


def _is_managed(change: HaChange, facts: HaFacts) -> Refusals:
    if facts.configuration.resource(change.key) is None:
        yield no.NOT_MANAGED(cluster=facts.cluster.name, sid=change.key)


def _change_resource(change: HaChange, facts: HaFacts) -> Refusals:
    yield from _is_managed(change, facts)
    known = facts.configuration.resource(change.key)
    if change.resource == ResourceSettings():
        yield no.NO_SETTING()
    elif known is not None and has_settings(known, change.resource):
        yield no.AS_WANTED(what=facts.label(change.key))
    if change.key in facts.in_error and change.resource.state != "disabled":
        yield no.IN_ERROR(guest=facts.label(change.key))


def _takes_rules(facts: HaFacts) -> Refusals:
    major = facts.version.partition(".")[0]
    if major.isdecimal() and int(major) < 9:
        yield no.NO_RULES(cluster=facts.cluster.name, version=facts.version)
    elif facts.groups:
        yield no.GROUPS_LEFT(cluster=facts.cluster.name, groups=", ".join(facts.groups))


def _add_rule(change: HaChange, facts: HaFacts) -> Refusals:
    yield from _takes_rules(facts)
    if not RULE_NAME.fullmatch(change.key):
        yield no.RULE_NAME(rule=change.key)
    if facts.configuration.rule(change.key) is not None:
        yield no.RULE_EXISTS(cluster=facts.cluster.name, rule=change.key)
    kind = change.rule.type or ""
    missing = [name for name in _NEEDS.get(kind, ()) if not getattr(change.rule, name)]
    for name in missing:
        yield no.RULE_INCOMPLETE.about(name, type=kind, missing=name)
    yield from _foreign_settings(kind, change.rule)
    if not missing:
        yield from _fits(merged_rule(None, change.key, change.rule), change, facts)


def _change_rule(change: HaChange, facts: HaFacts) -> Refusals:
    yield from _takes_rules(facts)
    known = facts.configuration.rule(change.key)
    if known is None:
        yield no.NO_SUCH_RULE(cluster=facts.cluster.name, rule=change.key)
        return
    if change.rule.type not in (None, known.type):
        yield no.RULE_TYPE(rule=known.rule, type=known.type)
        return
    if change.rule == RuleSettings():
        yield no.NO_SETTING()
    elif is_like(known, change.rule):
        yield no.AS_WANTED(what=known.rule)
    for name in _NEEDS.get(known.type, ()):
        if getattr(change.rule, name) in ((), ""):
            yield no.RULE_INCOMPLETE.about(name, type=known.type, missing=name)
    yield from _foreign_settings(known.type, change.rule)
    yield from _fits(merged_rule(known, known.rule, change.rule), change, facts)


def _foreign_settings(kind: str, wanted: RuleSettings) -> Refusals:
    others = [name for other, names in _OWN.items() if other != kind for name in names]
    for name in others:
        if getattr(wanted, name) not in (None, (), "", False):
            yield no.RULE_TOO_MUCH.about(name, type=kind, extra=name)


def _fits(rule: HaRule, change: HaChange, facts: HaFacts) -> Refusals:
    cluster, known = facts.cluster.name, facts.nodes
    strangers = [n for n in (each.partition(":")[0] for each in rule.nodes) if n not in known]
    if strangers:
        yield no.UNKNOWN_NODES(cluster=cluster, nodes=", ".join(strangers), known=", ".join(known))
    managed = {each.sid for each in facts.configuration.resources}
    unmanaged = [sid for sid in rule.resources if sid not in managed]
    if unmanaged:
        yield no.UNMANAGED(sids=", ".join(map(facts.label, unmanaged)))
    if not rule.disabled:
        after = rules_after(facts.configuration.rules, change)
        yield from conflict_refusals(rule.rule, after, known)


def _remove_rule(change: HaChange, facts: HaFacts) -> Refusals:
    if facts.configuration.rule(change.key) is None:
        yield no.NO_SUCH_RULE(cluster=facts.cluster.name, rule=change.key)


def _disarm(_change: HaChange, facts: HaFacts) -> Refusals:
    cluster, armed = facts.cluster.name, facts.configuration.armed
    if not armed:
        yield no.NO_ARMING(cluster=cluster, version=facts.version or "-")
    elif facts.configuration.is_disarmed:
        yield no.ALREADY_DISARMED(cluster=cluster, state=armed)


def _arm(_change: HaChange, facts: HaFacts) -> Refusals:
    cluster, armed = facts.cluster.name, facts.configuration.armed
    if not armed:
        yield no.NO_ARMING(cluster=cluster, version=facts.version or "-")
    elif not facts.configuration.is_disarmed:
        yield no.ALREADY_ARMED(cluster=cluster, state=armed)


_CHECKS: dict[Verb, Callable[[HaChange, HaFacts], Refusals]] = {
    Verb.ADD_RESOURCE: _add_resource,
    Verb.CHANGE_RESOURCE: _change_resource,
    Verb.REMOVE_RESOURCE: _is_managed,
    Verb.ADD_RULE: _add_rule,
    Verb.CHANGE_RULE: _change_rule,
    Verb.REMOVE_RULE: _remove_rule,
    Verb.DISARM: _disarm,
    Verb.ARM: _arm,
}


def drops_others(change: HaChange, facts: HaFacts) -> Refusal | None:
    """A warning about rules that would take no effect any more through the change."""
    rules = facts.configuration.rules
    dropped = dropped_rules(rules, rules_after(rules, change), facts.nodes) - {change.key}
    return no.RULES_FALL_OUT(rules=", ".join(sorted(dropped))) if dropped else None
