"""/cluster/ha/rules and /cluster/ha/groups. Groups are gone in 9.x, and every call says so."""

from copy import deepcopy

from hapanel.lab.api.routing import AUDIT_CLUSTER, HA_WRITE, Call, api
from hapanel.lab.errors import MODIFIED, bad_parameters, died
from hapanel.lab.formats import CONFIG_ID, HA_NODE_LIST, HA_RESOURCE_LIST
from hapanel.lab.ha.rules import Rule, RuleType, infeasible
from hapanel.lab.schema import MISSING, UNKNOWN, Param, flag, items_of, maybe

Row = dict[str, object]

GROUPS_GONE = "ha groups have been migrated to rules"
RULE = Param("rule", **CONFIG_ID)
GROUP = Param("group", **CONFIG_ID)
TYPES = tuple(RuleType)
PROPERTIES = [
    maybe("affinity", enum=("positive", "negative")),
    maybe("comment", max_length=4096),
    flag("disable"),
    maybe("nodes", **HA_NODE_LIST),
    maybe("resources", **HA_RESOURCE_LIST),
    flag("strict"),
]
OWN = {RuleType.NODE_AFFINITY: ("nodes", "strict"), RuleType.RESOURCE_AFFINITY: ("affinity",)}
MANDATORY = {
    RuleType.NODE_AFFINITY: ("nodes", "resources"),
    RuleType.RESOURCE_AFFINITY: ("affinity", "resources"),
}


@api.on(
    "GET",
    "/cluster/ha/rules",
    needs=AUDIT_CLUSTER,
    params=[maybe("resource"), maybe("type", enum=TYPES)],
)
def ha_rules(call: Call) -> object:
    """All rules in their order, with what makes some of them infeasible."""
    rules, errors = call.cluster.ha.configuration.rules, _errors(call)
    return [
        _row(call, rule, order, errors.get(rule.name))
        for order, rule in enumerate(rules.by_name.values(), 1)
        if call.text("type", rule.type) == rule.type
        and (not call.has("resource") or call.text("resource") in rule.resources)
    ]


def _errors(call: Call) -> dict[str, dict[str, list[str]]]:
    return infeasible(call.cluster.ha.configuration.rules.by_name, len(call.world.nodes))


def _row(call: Call, rule: Rule, order: int, errors: dict[str, list[str]] | None) -> Row:
    row: Row = {
        "rule": rule.name,
        "type": rule.type.value,
        "resources": ",".join(rule.resources),
        "order": order,
        "digest": call.cluster.ha.configuration.rules.digest(),
    }
    if rule.type is RuleType.NODE_AFFINITY:
        nodes = (n if p is None else f"{n}:{p}" for n, p in sorted(rule.nodes.items()))
        row |= {"nodes": ",".join(nodes), "strict": int(rule.strict)}
    else:
        row["affinity"] = rule.affinity
    if rule.disable is not None:
        row["disable"] = int(rule.disable)
    if rule.comment is not None:
        row["comment"] = rule.comment
    return {**row, "errors": errors} if errors else row


@api.on("GET", "/cluster/ha/rules/{rule}", needs=AUDIT_CLUSTER, params=[RULE])
def ha_rule(call: Call) -> object:
    """One rule."""
    name, known = call.text("rule"), call.cluster.ha.configuration.rules.by_name
    if name not in known:
        raise died(f"no such ha rule '{name}'")
    return _row(call, known[name], list(known).index(name) + 1, _errors(call).get(name))


@api.on(
    "POST",
    "/cluster/ha/rules",
    needs=HA_WRITE,
    params=[RULE, Param("type", enum=TYPES), *PROPERTIES],
)
async def ha_rule_create(call: Call) -> None:
    """Adds a rule, if it can be kept."""
    type_, name = RuleType(call.text("type")), call.text("rule")
    missing = {wanted: MISSING for wanted in MANDATORY[type_] if not call.has(wanted)}
    _own_properties_only(call, type_, missing)
    call.need_quorum()
    prefix = "create ha rule failed: "
    await call.need_lock("domain-ha", prefix)
    if name in call.cluster.ha.configuration.rules.by_name:
        raise died(f"{prefix}HA rule '{name}' already defined")
    rule = Rule(name, type_)
    _change(call, rule)
    _accept(call, rule, prefix)


def _own_properties_only(call: Call, type_: RuleType, errors: dict[str, str]) -> None:
    others = (name for kind, names in OWN.items() if kind is not type_ for name in names)
    errors |= {name: UNKNOWN for name in others if call.has(name)}
    if errors:
        raise bad_parameters(errors)


def _change(call: Call, rule: Rule) -> None:
    if call.has("resources"):
        rule.resources = sorted(set(items_of(call.text("resources"))))
    if call.has("nodes"):
        pairs = (item.partition(":") for item in items_of(call.text("nodes")))
        rule.nodes = {name: int(prio) if prio else None for name, _, prio in pairs}
    if call.has("affinity"):
        rule.affinity = call.text("affinity")
    if call.has("strict"):
        rule.strict = call.flag("strict")
    if call.has("disable"):
        rule.disable = call.flag("disable") or None
    if call.has("comment"):
        rule.comment = call.text("comment")


def _accept(call: Call, rule: Rule, prefix: str) -> None:
    """Writes the rule, unless it names strangers or cannot be kept."""
    known = call.cluster.ha.configuration
    unmanaged = [sid for sid in rule.resources if sid not in known.resources]
    if unmanaged:
        raise died(f"{prefix}cannot use unmanaged resource(s) {', '.join(unmanaged)}.")
    strangers = [name for name in sorted(rule.nodes) if name not in call.world.nodes]
    if strangers:
        raise died(f"{prefix}cannot use non-existent node(s) {', '.join(strangers)}.")
    would_be = {**known.rules.by_name, rule.name: rule}
    errors = infeasible(would_be, len(call.world.nodes)).get(rule.name)
    if errors:
        lines = "".join(f"{name}: {', '.join(texts)}\n" for name, texts in errors.items())
        raise died(f"{prefix}400 Rule '{rule.name}' is invalid.\n{lines}")
    known.rules.by_name[rule.name] = rule


@api.on(
    "PUT",
    "/cluster/ha/rules/{rule}",
    needs=HA_WRITE,
    params=[
        RULE, maybe("type", enum=TYPES), *PROPERTIES,
        maybe("delete", max_length=4096), maybe("digest", max_length=64),
    ],
)  # fmt: skip
async def ha_rule_change(call: Call) -> None:
    """Changes a rule, if it can still be kept."""
    prefix, rules = "update HA rules failed: ", call.cluster.ha.configuration.rules
    await call.need_lock("domain-ha", prefix)
    if call.has("digest") and call.text("digest") != rules.digest():
        raise died(f"{prefix}{MODIFIED}")
    known = rules.by_name.get(call.text("rule"))
    if known is None:
        raise died(f"{prefix}HA rule '{call.text('rule')}' does not exist")
    if call.text("type", known.type) != known.type:
        raise died(f"{prefix}types does not match")
    _own_properties_only(call, known.type, {})
    rule = deepcopy(known)
    for name in items_of(call.text("delete")):
        _delete(rule, name, prefix)
    _change(call, rule)
    _accept(call, rule, prefix)


def _delete(rule: Rule, name: str, prefix: str) -> None:
    if name in MANDATORY[rule.type]:
        raise died(f"{prefix}unable to delete required option '{name}'")
    if name not in ("comment", "disable", *OWN[rule.type]):
        raise died(f"{prefix}no such option '{name}'")
    setattr(rule, name, False if name == "strict" else None)


@api.on("DELETE", "/cluster/ha/rules/{rule}", needs=HA_WRITE, params=[RULE])
async def ha_rule_delete(call: Call) -> None:
    """Removes a rule; one that is not there is no fault."""
    await call.need_lock("domain-ha", "delete ha rule failed: ")
    call.cluster.ha.configuration.rules.by_name.pop(call.text("rule"), None)


@api.on("GET", "/cluster/ha/groups", needs=AUDIT_CLUSTER)
def ha_groups(_call: Call) -> object:
    """Always an error in 9.x, even the list."""
    raise died(f"cannot index groups: {GROUPS_GONE}")


@api.on("GET", "/cluster/ha/groups/{group}", needs=AUDIT_CLUSTER, params=[GROUP])
def ha_group(_call: Call) -> object:
    """Always an error in 9.x."""
    raise died(f"cannot read group: {GROUPS_GONE}")


GROUP_PROPERTIES = [maybe("comment", max_length=4096), flag("nofailback"), flag("restricted")]


@api.on(
    "POST",
    "/cluster/ha/groups",
    needs=HA_WRITE,
    params=[
        GROUP, Param("nodes", **HA_NODE_LIST), maybe("type", enum=("group",)), *GROUP_PROPERTIES,
    ],
)  # fmt: skip
def ha_group_create(_call: Call) -> object:
    """Always an error in 9.x."""
    raise died(f"cannot create group: {GROUPS_GONE}")


@api.on(
    "PUT",
    "/cluster/ha/groups/{group}",
    needs=HA_WRITE,
    params=[
        GROUP, maybe("nodes", **HA_NODE_LIST), *GROUP_PROPERTIES,
        maybe("delete", max_length=4096), maybe("digest", max_length=64),
    ],
)  # fmt: skip
def ha_group_change(_call: Call) -> object:
    """Always an error in 9.x."""
    raise died(f"cannot update group: {GROUPS_GONE}")


@api.on("DELETE", "/cluster/ha/groups/{group}", needs=HA_WRITE, params=[GROUP])
def ha_group_delete(_call: Call) -> object:
    """Always an error in 9.x."""
    raise died(f"cannot delete group: {GROUPS_GONE}")
