"""The shape of what people send about a service; whether it may be is judged in `catalogue`."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hapanel.helpdesk.catalogue import ServiceWish
from hapanel.helpdesk.models import Service
from hapanel.ui.forms import PanelForm
from nodes.models import Cluster


class GuestsField(forms.Field):
    """The ids of the chosen guests, as a tuple of numbers."""

    widget = forms.SelectMultiple

    def to_python(self, value: Any) -> tuple[int, ...]:
        texts = value or []
        if not all(str(text).isdecimal() and len(str(text)) < 10 for text in texts):
            raise forms.ValidationError(gettext("Choose guests from the list."))
        return tuple(int(text) for text in texts)


class ServiceForm(PanelForm):
    """A service. The cluster of one that exists stays as it is."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("As callers say it, such as SIAKAD.")
    )
    name_id = forms.CharField(
        label=_("Name in Bahasa Indonesia"),
        max_length=100,
        required=False,
        help_text=_("Only when it differs."),
    )
    url = forms.CharField(
        label=_("Address to check"),
        max_length=300,
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off"}),
        help_text=_(
            "http://, https:// or tcp://host:port, as the panel's machine can reach it. "
            "Everybody who signs in can read it."
        ),
    )
    cluster = forms.ModelChoiceField(label=_("Cluster"), queryset=Cluster.objects.all())
    vmids = GuestsField(label=_("Guests"), required=False)
    verify_tls = forms.BooleanField(
        label=_("Check the certificate"),
        required=False,
        initial=True,
        help_text=_("Off only for a service whose certificate browsers do not know either."),
    )
    public = forms.BooleanField(
        label=_("Show it on the public status page"), required=False, initial=True
    )

    def __init__(self, *args: Any, service: Service | None = None, **kwargs: Any) -> None:
        if service is not None:
            kwargs.setdefault("initial", _initial(service))
        super().__init__(*args, **kwargs)
        if service is not None:
            self.fields["cluster"].disabled = True

    def wish(self) -> ServiceWish:
        """What a valid form asks for."""
        return ServiceWish(**self.cleaned_data)


def _initial(service: Service) -> dict[str, Any]:
    return {
        "name": service.name,
        "name_id": service.name_id,
        "url": service.url,
        "cluster": service.cluster_id,
        "vmids": tuple(service.vmids),
        "verify_tls": service.verify_tls,
        "public": service.public,
    }


class RemovalForm(PanelForm):
    """The name typed back: with the service goes its history."""

    typed = forms.CharField(label=_("Name of the service"), max_length=100)

    def __init__(self, *args: Any, service: Service, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.service = service

    def clean_typed(self) -> str:
        typed: str = self.cleaned_data["typed"]
        if typed.strip() != self.service.name:
            raise forms.ValidationError(gettext("That is not its name."))
        return typed
