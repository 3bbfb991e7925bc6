"""Lists come in pages: {next, previous, results}, moved through by cursor."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView

from hapanel.kernel.refusal import Refusal, Refused
from hapanel.rest.refusals import BAD_CURSOR, MALFORMED


class CursorPage(CursorPagination):
    """A page that does not shift when rows are added while somebody reads on.

    A view may name its own `ordering`; its first field must be a column of the model.
    """

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000
    ordering = "pk"

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        """The rows of the page. Raises Refused for a cursor or size that makes no sense."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (NotFound, ValueError, OverflowError, ValidationError) as error:
            raise Refused(BAD_CURSOR()) from error

    def get_page_size(self, request: Request) -> int | None:
        wanted = request.query_params.get(self.page_size_query_param)
        if wanted is None:
            return self.page_size
        if not wanted.isascii() or not wanted.isdigit() or not 1 <= len(wanted) <= 6:
            raise Refused(self._bad_size())
        size = int(wanted)
        if not 1 <= size <= self.max_page_size:
            raise Refused(self._bad_size())
        return size

    def _bad_size(self) -> Refusal:
        name = self.page_size_query_param
        return MALFORMED.about(name, name=name, reason=f"1 … {self.max_page_size}")


class ShortCursorPage(CursorPage):
    """For lists whose rows are long, such as migrations with their logs."""

    page_size = 25
    max_page_size = 100
