"""Pages of long lists: one row more than a page holds says whether there is a next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

R = TypeVar("R")
M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """Rows `first` to `last` (counted from 1) of a list; `total` only where counting is cheap."""

    rows: Sequence[R]
    number: int
    size: int
    has_next: bool
    total: int | None = None

    @property
    def first(self) -> int:
        return (self.number - 1) * self.size + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return (self.number - 1) * self.size + len(self.rows)

    @property
    def previous(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        return self.number + 1 if self.has_next else None


def page_of(
    rows: QuerySet[M], request: HttpRequest, size: int = 50, total: int | None = None
) -> Page[M]:
    """The page that the reader asks for."""
    number = asked_page(request)
    start = (number - 1) * size
    found = list(rows[start : start + size + 1])
    return Page(found[:size], number, size, len(found) > size, total)


def asked_page(request: HttpRequest) -> int:
    """The number in `?page=`, from 1; 1 for anything that is no number of a page."""
    wanted = request.GET.get("page", "")
    # Its length is asked first: Python refuses to read thousands of digits.
    return max(1, int(wanted)) if wanted.isdecimal() and len(wanted) < 6 else 1
