"""Lists come in pages: {next, previous, results}, moved through by cursor."""

from __future__ import annotations

from rest_framework.pagination import CursorPagination


class CursorPage(CursorPagination):
    """A page that does not shift when rows are added while somebody reads on."""

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000
    ordering = "pk"
