"""Shapes of what the guests' pages send; whether it may be done is judged by hapanel.operations."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from hapanel.operations.wishes import MigrationMode, Resolution
from hapanel.ui.forms import PanelForm
from vms.selectors import GuestFilter

SORTS = {
    "vmid": ("vmid",),
    "name": ("name", "vmid"),
    "node": ("node", "vmid"),
    "status": ("status", "vmid"),
    "ha": ("ha_state", "vmid"),
}
# Sorted by what Redis knows, the largest first.
LOAD_SORTS = {"cpu": "cpu", "mem": "mem"}


def guest_filter(query: QueryDict) -> GuestFilter:
    """The filter that an address asks for; words that are none of ours narrow nothing."""

    def one_of(name: str, *allowed: str) -> str:
        value = query.get(name, "")
        return value if value in allowed else ""

    return GuestFilter(
        text=query.get("q", "").strip()[:100],
        state=one_of("state", "running", "stopped", "unknown", "error"),
        type=one_of("type", "qemu", "lxc"),
        node=query.get("node", "")[:63],
        ha=one_of("ha", "yes", "no"),
        tag=query.get("tag", "")[:64],
    )


def wanted_sort(query: QueryDict) -> tuple[str, bool]:
    """The column to sort by and whether downwards: `?sort=-name`."""
    value = query.get("sort", "vmid")
    name = value.removeprefix("-")
    if name in SORTS or name in LOAD_SORTS:
        return name, value.startswith("-")
    return "vmid", False


class SettleForm(PanelForm):
    """What really happened to an operation that needs attention."""

    how = forms.ChoiceField(choices=[(r.value, r.value) for r in Resolution])
    upid = forms.CharField(required=False, max_length=200)


class MigrationForm(PanelForm):
    """A wish to migrate: where to, and for those who want them, the options."""

    target = forms.CharField(max_length=63, label=_("Where to"))
    mode = forms.ChoiceField(
        required=False,
        label=_("How"),
        choices=[("", _("What fits the guest")), *[(m.value, m.value) for m in MigrationMode]],
    )
    with_local_disks = forms.BooleanField(required=False, label=_("Copy local disks along"))
    bandwidth_limit = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=1_000_000,
        label=_("Limit, MiB/s"),
        help_text=_("Empty: as fast as the network gives."),
        widget=forms.NumberInput(attrs={"class": "input input-short"}),
    )
    not_before = forms.DateTimeField(
        required=False,
        label=_("Not before"),
        help_text=_("Empty: now."),
        widget=forms.DateTimeInput(
            attrs={"type": "datetime-local", "class": "input"}, format="%Y-%m-%dT%H:%M"
        ),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
    )

    def wish(self) -> dict[str, Any]:
        """The fields of an operations.wishes.MigrationWish, beside cluster and guest."""
        told = self.cleaned_data
        limit = told["bandwidth_limit"]
        return {
            "target": told["target"],
            "mode": MigrationMode(told["mode"]) if told["mode"] else None,
            "with_local_disks": told["with_local_disks"],
            "bandwidth_limit": limit * 1024 if limit else None,
            "not_before": told["not_before"],
        }
