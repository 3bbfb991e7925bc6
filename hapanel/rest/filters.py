"""Filters as query parameters; a misspelt one is refused instead of ignored."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework.request import Request
from rest_framework.views import APIView

from hapanel.kernel.refusal import Refusal, Refused
from hapanel.rest.refusals import UNKNOWN_PARAMETER

EVERYWHERE = frozenset({"cursor", "page_size", "format"})


class StrictFilterBackend(filters.DjangoFilterBackend):  # type: ignore[misc]
    """django-filter, but silence is not an answer to a parameter that does not exist."""

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> QuerySet[Any]:
        """The filtered rows. Raises Refused for unknown parameters."""
        filterset = self.get_filterset_class(view, queryset)
        known = set(filterset.base_filters) if filterset else set()
        unknown = [name for name in request.query_params if name not in known | EVERYWHERE]
        if unknown:
            raise Refused(*(_unknown(name, known | EVERYWHERE - {"format"}) for name in unknown))
        filtered: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return filtered


def _unknown(name: str, known: set[str]) -> Refusal:
    shown = name[:60]
    return UNKNOWN_PARAMETER.about(shown, name=shown, known=", ".join(sorted(known)))


class Filters(filters.FilterSet):  # type: ignore[misc]
    """Base of every list's filters: only what is declared is known."""


class Vmid(filters.NumberFilter):  # type: ignore[misc]
    """A guest's id, never larger than a database's integer."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=999_999_999, decimal_places=0, **kwargs)


@extend_schema_field(OpenApiTypes.BOOL)
class YesNo(filters.TypedChoiceFilter):  # type: ignore[misc]
    """true or false."""

    def __init__(self, **kwargs: Any) -> None:
        choices = (("true", "true"), ("false", "false"))
        super().__init__(choices=choices, coerce=lambda word: word == "true", **kwargs)
