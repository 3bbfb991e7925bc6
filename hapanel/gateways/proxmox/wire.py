"""From bytes to typed rows, without believing that each row is as it was promised.

Proxmox answers {"data": ...}. Perl has no types: 0 and 1 are booleans, some numbers are strings,
keys are missing and versions add new ones. So decoding is lax; a value that is unusable costs
that value, a row that lacks its identity costs that row (counted in the log), and only an answer
that is not of this form at all is Garbage.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec

from hapanel.ports.errors import Garbage

log = logging.getLogger(__name__)

T = TypeVar("T")


class Wire(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of the rows as Proxmox sends them. Unknown keys are ignored."""


class Envelope(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """What is around every answer; lists of tasks and log lines count all matches in `total`."""

    data: T
    total: int | None = None


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(Envelope[kind], strict=False)


def one(body: bytes, kind: type[T]) -> T:
    """The one value of an answer; an unusable optional one of an object counts as not told."""
    try:
        data: T = _decode(body, kind).data
    except msgspec.ValidationError:
        value, reason = _rescued(_decode(body, Any).data, kind)
        if value is None:
            raise Garbage(f"unusable answer: {reason}") from None
        data = value
    return data


def mapping(body: bytes) -> dict[str, Any]:
    """The one object of an answer whose keys are not known beforehand; empty for null."""
    data = _decode(body, Any).data
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise Garbage("unusable answer: an object was expected")
    return data


def rows(body: bytes, kind: type[T]) -> list[T]:
    """The rows of an answer that is a list."""
    return envelope_of_rows(body, kind).data


def envelope_of_rows(body: bytes, kind: type[T]) -> Envelope[list[T]]:
    """The rows with the `total` beside them; null counts as an empty list."""
    try:
        found: Envelope[list[T]] = _decode(body, list[kind])  # type: ignore[valid-type]
        return found
    except msgspec.ValidationError:
        whole = _decode(body, Any)
    if whole.data is None:
        return Envelope([], whole.total)
    if not isinstance(whole.data, list):
        raise Garbage("unusable answer: a list was expected")
    return Envelope(_rescued_rows(whole.data, kind), whole.total)


def _decode(body: bytes, kind: Any) -> Any:
    """Raises ValidationError when the form differs and Garbage when it is no envelope at all."""
    try:
        return _decoder(kind).decode(body)
    except msgspec.ValidationError:
        if kind is Any:
            raise Garbage("the answer has no data") from None
        raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Garbage(f"the answer is no JSON: {error}") from None


def _rescued_rows(data: list[Any], kind: type[T]) -> list[T]:
    good: list[T] = []
    first_reason = ""
    for entry in data:
        row, reason = _rescued(entry, kind)
        if row is None:
            first_reason = first_reason or reason
        else:
            good.append(row)
    skipped = len(data) - len(good)
    if skipped:
        log.warning("skipped %d of %d unusable rows; first: %s", skipped, len(data), first_reason)
    return good


def _rescued(entry: Any, kind: type[T]) -> tuple[T | None, str]:
    """The row without the values that do not fit, or None and why."""
    if not isinstance(entry, dict) or not issubclass(kind, msgspec.Struct):
        return None, f"{type(entry).__name__} instead of an object"
    usable: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if field.encode_name in entry:
            value = _fitting(entry[field.encode_name], field.type)
            if value is not msgspec.UNSET:
                usable[field.encode_name] = value
    try:
        return msgspec.convert(usable, kind, strict=False), ""
    except msgspec.ValidationError as error:
        return None, str(error)


def _fitting(value: Any, kind: Any) -> Any:
    """The value if it converts (a whole float counts as an integer), else UNSET."""
    for candidate in (value, int(value) if _is_whole(value) else value):
        try:
            msgspec.convert(candidate, kind, strict=False)
        except msgspec.ValidationError:
            continue
        return candidate
    return msgspec.UNSET


def _is_whole(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer()


def moment(epoch: int | None) -> datetime | None:
    """UTC time of epoch seconds; None for None and for what no calendar holds."""
    try:
        return None if epoch is None else datetime.fromtimestamp(epoch, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def comma_separated(text: str) -> tuple[str, ...]:
    """The parts of a list as Proxmox writes them: commas, semicolons or blanks between."""
    return tuple(text.replace(";", " ").replace(",", " ").split())
