"""Serializer fields that take a value only in its own JSON type, and objects without surprises.

Django REST framework would read "yes" as true and 7 as "7". A program that sends the wrong type has
a mistake in it, and in front of a cluster it is better to hear of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from hapanel.kernel.refusal import Refusal, Refused
from hapanel.rest.refusals import UNKNOWN_FIELD


class StrictSerializer(serializers.Serializer[Any]):
    """Input that refuses fields it does not know."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = [name for name, field in self.fields.items() if not field.read_only]
            unknown = [str(name) for name in data if name not in known]
            if unknown:
                raise Refused(*(_unknown(name, known) for name in unknown))
        return super().to_internal_value(data)


def _unknown(name: str, known: list[str]) -> Refusal:
    shown = name[:60].encode("utf-8", "replace").decode()
    return UNKNOWN_FIELD.about(shown, name=shown, known=", ".join(known))


def _refuse_halves(text: str) -> None:
    """JSON can spell half a character, which no answer could repeat and no database keep."""
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise serializers.ValidationError(_("The text has half a character in it."))


class Text(serializers.CharField):
    """A JSON string that any database can keep."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError(_("A text is expected."))
        _refuse_halves(data)
        return str(super().to_internal_value(data))


class WholeNumber(serializers.IntegerField):
    """A JSON number without a fraction."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            raise serializers.ValidationError(_("A whole number is expected."))
        return data


class YesNo(serializers.BooleanField):
    """true or false."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError(_("true or false is expected."))
        return data


class Choice(serializers.ChoiceField):
    """One of a few texts."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            raise serializers.ValidationError(_("A text is expected."))
        _refuse_halves(data)
        return super().to_internal_value(data)


class Moment(serializers.DateTimeField):
    """A time with its offset in ISO 8601; without one nobody knows which hour is meant."""

    def to_internal_value(self, value: Any) -> datetime:
        try:
            moment = parse_datetime(value) if isinstance(value, str) else None
            if moment is None or moment.tzinfo is None:
                raise ValueError
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise serializers.ValidationError(
                _("A time such as 2026-11-23T08:30:00Z is expected.")
            ) from None
