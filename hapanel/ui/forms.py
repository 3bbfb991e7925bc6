"""Forms in the panel's look. A form checks shapes only; what may be done is judged elsewhere."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext

from hapanel.kernel.refusal import Refused


class PanelForm(forms.Form):
    """A form whose controls bear the classes of components.css."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            dress(field.widget)

    def refuse(self, refused: Refused) -> None:
        """Show refusals in place: each at the field that it is about, else above the form."""
        for refusal in refused.refusals:
            field = refusal.field if refusal.field in self.fields else None
            self.add_error(field, f"{refusal.because(gettext)} {refusal.remedy(gettext)}")

    @property
    def status(self) -> int:
        """The HTTP status of a page that shows this form."""
        return 422 if self.is_bound and self.errors else 200


def dress(widget: forms.Widget) -> None:
    """Give a control its class; check boxes and radio buttons have none."""
    if isinstance(widget, forms.CheckboxInput | forms.RadioSelect | forms.HiddenInput):
        return
    if isinstance(widget, forms.Select):
        widget.attrs.setdefault("class", "select")
    elif isinstance(widget, forms.Textarea | forms.widgets.Input):
        widget.attrs.setdefault("class", "input")
