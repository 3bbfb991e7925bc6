"""Reading what stands between a keyword and its `;` or `{`, one function per shape.

Each takes the cursor and a test for words that begin the next statement, returns the tokens it
read, and reports what is wrong with them. After a fault it stands before the `;`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from hapanel.drbd.configuration.cursor import Cursor
from hapanel.drbd.configuration.findings import Phrase
from hapanel.drbd.configuration.grammar import Shape
from hapanel.drbd.configuration.rules import syntax
from hapanel.drbd.configuration.tokens import Kind, Token
from hapanel.kernel.refusal import gettext_noop

Begins = Callable[[Token], bool]
Arguments = tuple[Token, ...]

FAMILIES = ("ipv4", "ipv6", "sdp", "ssocks", "sci")
IPV4 = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}\Z")
HIGHEST_PORT = 65535
A_NAME = Phrase(gettext_noop("a name"))
A_NUMBER = Phrase(gettext_noop("a number"))
NO_HOST_NAMES = Phrase(gettext_noop("host names are not looked up, an IP address is needed"))
NO_PORT = Phrase(gettext_noop("its port is missing"))
NO_BRACKETS = Phrase(gettext_noop("an IPv6 address stands in brackets"))
TOO_LARGE = Phrase(gettext_noop("no part of an IPv4 address is above 255"))


def nothing(_cursor: Cursor, _begins: Begins) -> Arguments:
    """No argument."""
    return ()


def name(cursor: Cursor, begins: Begins) -> Arguments:
    """Exactly one name."""
    found = maybe_name(cursor, begins)
    if not found:
        cursor.expect(A_NAME)
    return found


def maybe_name(cursor: Cursor, _begins: Begins) -> Arguments:
    """One name or none."""
    found = cursor.take_value()
    return (found,) if found else ()


def names(cursor: Cursor, begins: Begins) -> Arguments:
    """One name or more, up to where the next statement begins on another line."""
    found = list(name(cursor, begins))
    while cursor.peek().is_value and not _next_line_begins(cursor, found, begins):
        found.append(cursor.take())
    return tuple(found)


def _next_line_begins(cursor: Cursor, found: list[Token], begins: Begins) -> bool:
    line = found[-1].place.line if found else 0
    return cursor.peek().place.line != line and begins(cursor.peek())


def number(cursor: Cursor, _begins: Begins) -> Arguments:
    """Exactly one whole number."""
    if cursor.peek().kind is Kind.WORD and cursor.peek().text.isascii():
        if cursor.peek().text.isdigit():
            return (cursor.take(),)
        cursor.expect(A_NUMBER)
        return (cursor.take(),)
    cursor.expect(A_NUMBER)
    return ()


def address(cursor: Cursor, begins: Begins) -> Arguments:
    """`[family] address:port`, the address of ipv6 in brackets."""
    found: list[Token] = []
    if cursor.peek().text in FAMILIES:
        found.append(cursor.take())
    wrong = _ip(cursor, found, ipv6=bool(found) and found[0].text == "ipv6")
    if wrong is None and not cursor.next_is(":"):
        wrong = NO_PORT
    if wrong is not None:
        cursor.findings.append(syntax.BAD_ADDRESS(cursor.peek().place, why=wrong))
        return (*found, *_rest(cursor, begins))
    found.append(cursor.take())
    return (*found, *_port(cursor, begins))


def _ip(cursor: Cursor, found: list[Token], ipv6: bool) -> Phrase | None:
    if ipv6:
        if not cursor.next_is("["):
            return NO_BRACKETS
        found.append(cursor.take())
        if ":" not in cursor.peek().text or cursor.peek().kind is not Kind.WORD:
            return NO_BRACKETS
        found.append(cursor.take())
        if not cursor.next_is("]"):
            return NO_BRACKETS
        found.append(cursor.take())
        return None
    token = cursor.peek()
    if token.kind is not Kind.WORD or not IPV4.match(token.text):
        return NO_HOST_NAMES
    found.append(cursor.take())
    if any(int(part) > 255 for part in token.text.split(".")):
        cursor.findings.append(syntax.BAD_ADDRESS(token.place, why=TOO_LARGE))
    return None


def _port(cursor: Cursor, begins: Begins) -> Arguments:
    found = number(cursor, begins)
    port = found[0].text if found else ""
    if port.isdigit() and not 1 <= int(port[:9]) <= HIGHEST_PORT:
        cursor.findings.append(syntax.BAD_PORT(found[0].place, port=port))
    return found


def _rest(cursor: Cursor, begins: Begins) -> Arguments:
    """What is left of a statement after a fault in it."""
    found: list[Token] = []
    line = cursor.peek().place.line
    while not cursor.stops():
        if cursor.peek().place.line != line and begins(cursor.peek()):
            break
        found.append(cursor.take())
    return tuple(found)


def device(cursor: Cursor, begins: Begins) -> Arguments:
    """`NAME`, `NAME minor N` or `minor N`."""
    found: list[Token] = []
    if cursor.peek().text != "minor":
        found += name(cursor, begins)
    if cursor.peek().text == "minor":
        found += (cursor.take(), *number(cursor, begins))
    return tuple(found)


def meta_disk(cursor: Cursor, begins: Begins) -> Arguments:
    """`internal`, `DEVICE` or `DEVICE[index]`."""
    found = list(name(cursor, begins))
    if cursor.next_is("["):
        found += (cursor.take(), *number(cursor, begins))
        if cursor.next_is("]"):
            found.append(cursor.take())
        else:
            cursor.expect(Phrase("]"))
    return tuple(found)


def host(cursor: Cursor, begins: Begins) -> Arguments:
    """`NAME`, perhaps `address ADDRESS` or `port N`, perhaps `via proxy on NAMES`."""
    found = list(name(cursor, begins))
    match cursor.peek().text:
        case "address":
            found += (cursor.take(), *address(cursor, begins))
        case "port":
            found += (cursor.take(), *_port(cursor, begins))
    if cursor.peek().text == "via":
        found += _rest(cursor, begins)
    return tuple(found)


SHAPES: Mapping[Shape, Callable[[Cursor, Begins], Arguments]] = {
    Shape.NOTHING: nothing,
    Shape.NAME: name,
    Shape.MAYBE_NAME: maybe_name,
    Shape.NAMES: names,
    Shape.NUMBER: number,
    Shape.ADDRESS: address,
    Shape.DEVICE: device,
    Shape.META_DISK: meta_disk,
    Shape.HOST: host,
    Shape.ANYTHING: _rest,
}
"""How each shape is read; an option's value is the reader's own affair."""
