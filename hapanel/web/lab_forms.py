"""What the Lab page sends: one switch, as its buttons name it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from hapanel.operations.switch_lab import ALL_NETWORKS, LabWish, Switch
from hapanel.ports.lab import API_FAULTS
from hapanel.ui.forms import PanelForm
from hapanel.ui.lab_words import FAULTS


class LabSwitchForm(forms.Form):
    """do: a Switch and, behind a colon, a cable's network or an API's fault (`cut:cluster`)."""

    do = forms.CharField(max_length=40)
    node = forms.CharField(max_length=63, required=False)
    fault = forms.CharField(max_length=40, required=False)
    amount = forms.IntegerField(min_value=1, max_value=1_000_000, required=False)

    def clean_do(self) -> tuple[Switch, str]:
        switch, _colon, detail = self.cleaned_data["do"].partition(":")
        try:
            return Switch(switch), detail
        except ValueError as unknown:
            raise forms.ValidationError("no such switch") from unknown

    def wish(self) -> LabWish:
        """The wish in a valid form."""
        told: dict[str, Any] = self.cleaned_data
        switch, detail = told["do"]
        wish = LabWish(switch, told["node"])
        match switch:
            case Switch.CUT | Switch.HEAL:
                return replace(wish, network=detail or ALL_NETWORKS)
            case Switch.API:
                return replace(wish, fault=detail or told["fault"], amount=told["amount"])
            case _:
                return wish


class LabFaultForm(PanelForm):
    """How a node's API shall fail."""

    node = forms.ChoiceField(label=_("Node"))
    fault = forms.ChoiceField(
        label=_("Its API"), choices=[(fault, FAULTS[fault]) for fault in API_FAULTS]
    )
    amount = forms.IntegerField(
        label=_("Number"),
        required=False,
        min_value=1,
        help_text=_("Milliseconds, HTTP status or megabytes, where the fault needs one."),
    )

    def __init__(self, nodes: Iterable[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="lab_%s", **kwargs)
        choices: Any = [(name, name) for name in nodes]
        self.fields["node"].choices = choices  # type: ignore[attr-defined]
