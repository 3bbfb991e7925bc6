"""One wish to change how a cluster's HA manager works."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from hapanel.ports.ha_changes import ResourceSettings, RuleSettings


class Verb(StrEnum):
    """What is to be done; the values are the kinds of operations."""

    ADD_RESOURCE = "add_ha_resource"
    CHANGE_RESOURCE = "change_ha_resource"
    REMOVE_RESOURCE = "remove_ha_resource"
    ADD_RULE = "add_ha_rule"
    CHANGE_RULE = "change_ha_rule"
    REMOVE_RULE = "remove_ha_rule"
    DISARM = "disarm_ha"
    ARM = "arm_ha"

    @property
    def is_about_resource(self) -> bool:
        return self in (Verb.ADD_RESOURCE, Verb.CHANGE_RESOURCE, Verb.REMOVE_RESOURCE)

    @property
    def is_about_rule(self) -> bool:
        return self in (Verb.ADD_RULE, Verb.CHANGE_RULE, Verb.REMOVE_RULE)


class ResourceMode(StrEnum):
    """What a disarmed HA manager does with its resources: it holds them, or lets them be."""

    FREEZE = "freeze"
    IGNORE = "ignore"


class HaChange(msgspec.Struct, frozen=True, kw_only=True):
    """The wish. key: the service id or the rule's name, blank for the cluster as a whole. Of the
    rest only what belongs to the verb counts."""

    verb: Verb
    key: str = ""
    resource: ResourceSettings = ResourceSettings()
    rule: RuleSettings = RuleSettings()
    mode: str = ""
