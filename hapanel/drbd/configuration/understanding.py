"""From statements to a configuration's meaning. Says nothing about right or wrong."""

from __future__ import annotations

from collections.abc import Iterable

from hapanel.drbd.configuration.grammar import Section
from hapanel.drbd.configuration.model import (
    Address,
    Configuration,
    Host,
    Resource,
    Settings,
    Volume,
    settings_deeper,
    settings_in,
)
from hapanel.drbd.configuration.shapes import FAMILIES
from hapanel.drbd.configuration.tokens import Token
from hapanel.drbd.configuration.tree import Document, Statement

HOST_SECTIONS = ("on", "floating", "stacked-on-top-of")


def understood(document: Document) -> Configuration:
    """The resources of a document with the settings that hold for them."""
    common: Settings = {}
    for statement in document.statements:
        if statement.section is Section.COMMON:
            common = {**common, **settings_in(statement.inside())}
    resources = tuple(
        _resource(statement, common)
        for statement in document.statements
        if statement.section is Section.RESOURCE
    )
    return Configuration(document, resources, common)


def _resource(statement: Statement, common: Settings) -> Resource:
    inside = statement.inside()
    shared = volumes_in(inside, statement)
    # What only a connection, host or volume sets holds where the resource itself is silent.
    settings = {**settings_deeper(inside), **settings_in(inside)}
    return Resource(
        name=statement.value.text if statement.value else "",
        statement=statement,
        hosts=tuple(_host(each, shared) for each in inside if each.name in HOST_SECTIONS),
        settings=settings,
        common=common,
        connections=tuple(each for each in inside if each.section is Section.CONNECTION),
    )


def _host(statement: Statement, shared: tuple[Volume, ...]) -> Host:
    inside = statement.inside()
    own = {volume.number: volume for volume in volumes_in(inside, statement)}
    outer = {volume.number: volume for volume in shared}
    volumes = tuple(
        own.get(number, Volume(number, statement.place)).over(outer.get(number))
        for number in sorted({*own, *outer})
    )
    floats, is_named = statement.name == "floating", statement.name == "on"
    where = statement if floats else last(inside, "address")
    node_id = last(inside, "node-id")
    return Host(
        names=tuple(token.text for token in statement.arguments) if is_named else (),
        statement=statement,
        address=address_in(where.arguments) if where else None,
        node_id=node_id.value if node_id else None,
        volumes=volumes,
    )


def volumes_in(statements: tuple[Statement, ...], owner: Statement) -> tuple[Volume, ...]:
    """The volumes that a host or a resource says something of; volume 0 when unnumbered."""
    found = [
        _volume(_number(each), each.inside(), each)
        for each in statements
        if each.section in (Section.VOLUME, Section.STACKED_VOLUME)
    ]
    plain = _volume(0, statements, owner)
    if plain.device or plain.disk or plain.meta_disk:
        found.insert(0, plain)
    return tuple(found)


def _number(statement: Statement) -> int:
    text = statement.value.text if statement.value else ""
    return int(text[:9]) if text.isascii() and text.isdigit() else 0


def _volume(number: int, statements: tuple[Statement, ...], owner: Statement) -> Volume:
    meta_disk = [each for each in statements if each.name in ("meta-disk", "flexible-meta-disk")]
    disks = [each for each in statements if each.name == "disk" and each.block is None]
    return Volume(
        number=number,
        place=owner.place,
        device=last(statements, "device"),
        disk=disks[-1] if disks else None,
        meta_disk=meta_disk[-1] if meta_disk else None,
    )


def last(statements: Iterable[Statement], name: str) -> Statement | None:
    """The last statement of this name: the one that holds."""
    found = None
    for statement in statements:
        if statement.name == name:
            found = statement
    return found


def address_in(arguments: tuple[Token, ...]) -> Address | None:
    """The address that a statement's arguments spell; None when they spell none."""
    family = arguments[0].text if arguments and arguments[0].text in FAMILIES else "ipv4"
    words = [each for each in arguments if each.is_value and each.text not in FAMILIES]
    if len(words) < 2:
        return None
    return Address(family, words[0].text, words[1].text, words[0])
