"""Shapes of what the HA dialogs send, and the changes they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from hapanel.ha.change.wish import HaChange, ResourceMode, Verb
from hapanel.ports.ha_changes import ResourceSettings, RuleSettings
from hapanel.ui.forms import PanelForm
from vms.models import HaResource, HaRule

REQUESTS = [
    ("started", _("keep it running")),
    ("stopped", _("keep it off, and move it with a dead node")),
    ("disabled", _("keep it off, and leave it where it is")),
    ("ignored", _("leave it alone")),
]
# What a rule says -> its settings.
SAYS: Mapping[str, RuleSettings] = {
    "only": RuleSettings(type="node-affinity", strict=True),
    "rather": RuleSettings(type="node-affinity", strict=False),
    "together": RuleSettings(type="resource-affinity", affinity="positive"),
    "apart": RuleSettings(type="resource-affinity", affinity="negative"),
}
SAYS_WORDS = [
    ("only", _("only on these nodes")),
    ("rather", _("rather on these nodes")),
    ("together", _("always on the same node")),
    ("apart", _("never on the same node")),
]


class ResourceForm(PanelForm):
    """Settings of an HA resource; `guest` only while none is given."""

    guest = forms.IntegerField(label=_("Guest"), min_value=100, max_value=999_999_999)
    state = forms.ChoiceField(label=_("The HA manager shall"), choices=REQUESTS)
    max_restart = forms.IntegerField(
        label=_("Restarts before giving up"), min_value=0, max_value=100, initial=1
    )
    max_relocate = forms.IntegerField(
        label=_("Moves before giving up"), min_value=0, max_value=100, initial=1
    )
    failback = forms.BooleanField(
        label=_("Go back to a preferred node when it returns"), required=False, initial=True
    )
    comment = forms.CharField(label=_("Comment"), max_length=4096, required=False)

    def settings(self) -> ResourceSettings:
        """All settings as they stand in the form."""
        told = self.cleaned_data
        return ResourceSettings(**{name: told[name] for name in ResourceSettings.__struct_fields__})


class ChangeResourceForm(ResourceForm):
    """The same for a resource that is there already."""

    guest = None  # type: ignore[assignment]

    def __init__(self, resource: HaResource, *args: Any, **kwargs: Any) -> None:
        self._known = known_settings(resource)
        initial = {name: getattr(self._known, name) for name in self._known.__struct_fields__}
        super().__init__(*args, initial=initial, **kwargs)

    def settings(self) -> ResourceSettings:
        """Only what differs from what is recorded."""
        wanted = super().settings()
        names = ResourceSettings.__struct_fields__
        differing = {
            name: getattr(wanted, name)
            for name in names
            if getattr(wanted, name) != getattr(self._known, name)
        }
        return ResourceSettings(**differing)


def known_settings(resource: HaResource) -> ResourceSettings:
    """What is recorded of a resource; what Proxmox does not tell is at its default."""
    return ResourceSettings(
        state=resource.request_state or "started",
        max_restart=1 if resource.max_restart is None else resource.max_restart,
        max_relocate=1 if resource.max_relocate is None else resource.max_relocate,
        failback=resource.failback is not False,
        comment=resource.comment,
    )


class RuleForm(PanelForm):
    """An HA rule, new or known. guests: sid -> label; nodes: names."""

    rule = forms.CharField(label=_("Name"), max_length=128)
    resources = forms.MultipleChoiceField(
        label=_("Guests"), widget=forms.CheckboxSelectMultiple, required=False
    )
    says = forms.ChoiceField(label=_("Run"), choices=SAYS_WORDS)
    nodes = forms.MultipleChoiceField(
        label=_("Nodes"), widget=forms.CheckboxSelectMultiple, required=False
    )
    disabled = forms.BooleanField(label=_("Disabled"), required=False)
    comment = forms.CharField(label=_("Comment"), max_length=4096, required=False)

    def __init__(
        self,
        guests: Mapping[str, str],
        nodes: Iterable[str],
        *args: Any,
        known: HaRule | None = None,
        **kwargs: Any,
    ) -> None:
        if known is not None:
            kwargs["initial"] = _initial(known)
        super().__init__(*args, **kwargs)
        self._known = known
        self._fields_of("resources", list(guests.items()))
        self._fields_of("nodes", [(name, name) for name in nodes])
        if known is not None:
            del self.fields["rule"]
            self._fields_of("says", [w for w in SAYS_WORDS if SAYS[w[0]].type == known.type])

    def _fields_of(self, name: str, choices: list[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def change(self) -> HaChange:
        """The wish, with only what differs from the known rule."""
        told = self.cleaned_data
        says = SAYS[told["says"]]
        settings = RuleSettings(
            type=says.type,
            resources=tuple(told["resources"]),
            nodes=self._nodes(told["nodes"]) if says.type == "node-affinity" else None,
            affinity=says.affinity,
            strict=says.strict,
            disabled=told["disabled"],
            comment=told["comment"],
        )
        if self._known is None:
            return HaChange(verb=Verb.ADD_RULE, key=told["rule"], rule=settings)
        changed = _differing(settings, self._known)
        return HaChange(verb=Verb.CHANGE_RULE, key=self._known.rule, rule=changed)

    def _nodes(self, names: Iterable[str]) -> tuple[str, ...]:
        """With the priorities that the known rule gives them."""
        known = map(str, self._known.nodes) if self._known else ()
        told = {each.partition(":")[0]: each for each in known}
        return tuple(told.get(name, name) for name in names)


def _initial(rule: HaRule) -> dict[str, Any]:
    if rule.type == "node-affinity":
        says = "only" if rule.strict else "rather"
    else:
        says = "apart" if rule.affinity == "negative" else "together"
    return {
        "resources": rule.resources,
        "nodes": [str(node).partition(":")[0] for node in rule.nodes],
        "says": says,
        "disabled": rule.disabled,
        "comment": rule.comment,
    }


def _differing(wanted: RuleSettings, known: HaRule) -> RuleSettings:
    was = {
        "resources": sorted(known.resources),
        "nodes": sorted(map(str, known.nodes)),
        "affinity": known.affinity or None,
        "strict": known.strict if known.type == "node-affinity" else None,
        "disabled": known.disabled,
        "comment": known.comment,
    }
    changed = {}
    for name, before in was.items():
        value = getattr(wanted, name)
        now = sorted(value) if isinstance(value, tuple) else value
        if value is not None and now != before:
            changed[name] = value
    return RuleSettings(**changed)


class DisarmForm(PanelForm):
    """What becomes of the guests while HA is disarmed."""

    mode = forms.ChoiceField(
        label=_("Guests under HA meanwhile"),
        choices=[
            (ResourceMode.FREEZE.value, _("stay as they are (freeze)")),
            (ResourceMode.IGNORE.value, _("can be handled by hand (ignore)")),
        ],
    )
