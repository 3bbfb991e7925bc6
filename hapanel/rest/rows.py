"""What lists and single records share: rows found by the names in their address, and company.

A row often needs facts that do not stand in its record (what it measures, what belongs to it).
They are fetched once for all rows of a page, so the number of queries does not grow with it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

from django.db.models import Model
from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

Row = TypeVar("Row", bound=Model)


class RowContext(ABC, Generic[Row]):
    """Made from all rows of an answer; serializers find it as `self.context["rows"]`."""

    @abstractmethod
    def __init__(self, rows: Sequence[Row]) -> None:
        """Fetch what the rows need beside their records, once for all of them."""


class ListRows:
    """Mix-in for view sets that have a list."""

    row_context: ClassVar[type[RowContext[Any]] | None] = None

    def list(self: Any, _request: Request, **_kwargs: Any) -> Response:
        """One page of the list."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        answer: Response = self.get_paginated_response(self.represent(page, many=True))
        return answer

    def represent(self: Any, rows: Sequence[Any], *, many: bool) -> Any:
        """The rows (or the only one) as plain values."""
        context = self.get_serializer_context()
        if self.row_context is not None:
            context["rows"] = self.row_context(rows)
        of = rows if many else rows[0]
        return self.serializer_class(of, many=many, context=context).data


class ReadRows(ListRows):
    """The same with single records; `keys` maps names in the address to fields of the record."""

    keys: ClassVar[dict[str, str]] = {"id": "pk"}

    def retrieve(self: Any, _request: Request, **_kwargs: Any) -> Response:
        """One record. Raises Http404."""
        return Response(self.represent([self.get_object()], many=False))

    def get_object(self: Any) -> Any:
        """The record that the address names. Raises Http404."""
        wanted = {field: self.kwargs[name] for name, field in self.keys.items()}
        found = self.get_queryset().filter(**wanted).first()
        if found is None:
            raise Http404
        self.check_object_permissions(self.request, found)
        return found
