"""Which keyword may stand in which section, what follows it and which section it opens.

Facts of drbd.conf(5) of 8.4 and 9. One table for both generations: a word carries the generation
it belongs to, and lint says where that is the wrong one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from hapanel.drbd.configuration import options as known
from hapanel.drbd.configuration.options import Option, Syntax
from hapanel.drbd.configuration.values import Boolean


class Section(StrEnum):
    """The kinds of blocks, by the name people call them."""

    FILE = "file"
    GLOBAL = "global"
    COMMON = "common"
    RESOURCE = "resource"
    HOST = "on"
    FLOATING = "floating"
    STACKED = "stacked-on-top-of"
    VOLUME = "volume"
    STACKED_VOLUME = "stacked volume"
    NET = "net"
    DISK = "disk"
    PEER_DISK = "peer disk"
    SYNCER = "syncer"
    STARTUP = "startup"
    HANDLERS = "handlers"
    OPTIONS = "options"
    CONNECTION = "connection"
    MESH = "connection-mesh"
    PATH = "path"
    PEER_VOLUME = "peer volume"
    PROXY = "proxy"
    PROXY_OPTIONS = "proxy options"
    SKIPPED = "skipped"


class Shape(Enum):
    """What stands between a keyword and its `;` or `{`."""

    NOTHING = "nothing"
    NAME = "a name"
    MAYBE_NAME = "perhaps a name"
    NAMES = "names"
    NUMBER = "a number"
    ADDRESS = "an address"
    DEVICE = "a device"
    META_DISK = "a metadata device"
    HOST = "a host and perhaps its address"
    OPTION = "a value"
    ANYTHING = "anything"


@dataclass(frozen=True, slots=True)
class Keyword:
    """A word of the grammar. Without `opens` it ends with `;`; `closes` says it may also then."""

    name: str
    shape: Shape
    opens: Section | None = None
    closes: bool = False
    syntax: Syntax = Syntax.ANY
    option: Option | None = None

    @property
    def is_secret(self) -> bool:
        """Whether its value must never be shown."""
        return self.option is not None and getattr(self.option.value, "secret", False)


def _opens(
    name: str, section: Section, shape: Shape = Shape.NOTHING, syntax: Syntax = Syntax.ANY
) -> Keyword:
    return Keyword(name, shape, section, syntax=syntax)


def _says(name: str, shape: Shape, syntax: Syntax = Syntax.ANY) -> Keyword:
    return Keyword(name, shape, syntax=syntax)


def _options(*options: Option) -> tuple[Keyword, ...]:
    return tuple(
        Keyword(each.name, Shape.OPTION, syntax=each.syntax, option=each) for each in options
    )


V9 = Syntax.V9
COMPARISONS = ("eq", "ne", "gt", "ge", "lt", "le")
_SKIP = _opens("skip", Section.SKIPPED, Shape.ANYTHING)
_VOLUME_WORDS = (
    _says("device", Shape.DEVICE),
    _says("meta-disk", Shape.META_DISK),
    _says("flexible-meta-disk", Shape.META_DISK),
    Keyword("disk", Shape.MAYBE_NAME, Section.DISK, closes=True),
)
_HOST_WORDS = (
    *_VOLUME_WORDS,
    _says("address", Shape.ADDRESS),
    _says("node-id", Shape.NUMBER, syntax=V9),
    _opens("proxy", Section.PROXY, Shape.ANYTHING),
    _opens("volume", Section.VOLUME, Shape.NUMBER),
    _opens("options", Section.OPTIONS, syntax=V9),
    _says("alternate-link-address", Shape.ADDRESS, syntax=Syntax.V8),
    _SKIP,
)
_COMMON_WORDS = (
    *_options(known.PROTOCOL),
    _opens("net", Section.NET),
    _opens("syncer", Section.SYNCER),
    _opens("startup", Section.STARTUP),
    _opens("handlers", Section.HANDLERS),
    _opens("options", Section.OPTIONS),
    _opens("proxy", Section.PROXY_OPTIONS),
    Keyword("disk", Shape.MAYBE_NAME, Section.DISK, closes=True),
    _SKIP,
)
_PEER_WORDS = (
    _opens("net", Section.NET),
    _opens("disk", Section.PEER_DISK),
    _opens("volume", Section.PEER_VOLUME, Shape.NUMBER),
    _SKIP,
)
_PATH_WORDS = (
    Keyword("host", Shape.HOST, Section.PROXY, closes=True),
    _says("address", Shape.ADDRESS),
    _says("_this_host", Shape.ADDRESS),
    _says("_remote_host", Shape.ADDRESS),
)
_TABLES: dict[Section, tuple[Keyword, ...]] = {
    Section.FILE: (
        _opens("global", Section.GLOBAL),
        _opens("common", Section.COMMON),
        _opens("resource", Section.RESOURCE, Shape.NAME),
        _says("include", Shape.NAME),
        *(_says(f"require-drbd-module-version-{how}", Shape.NAME, V9) for how in COMPARISONS),
        _SKIP,
    ),
    Section.GLOBAL: _options(*known.GLOBAL),
    Section.COMMON: _COMMON_WORDS,
    Section.RESOURCE: (
        *_COMMON_WORDS,
        *_VOLUME_WORDS[:3],
        _opens("on", Section.HOST, Shape.NAMES),
        _opens("ignore-on", Section.HOST, Shape.NAMES),
        _opens("_this_host", Section.HOST),
        _opens("_remote_host", Section.HOST, syntax=Syntax.V8),
        Keyword("floating", Shape.ADDRESS, Section.FLOATING, closes=True),
        _opens("stacked-on-top-of", Section.STACKED, Shape.NAME),
        _opens("volume", Section.VOLUME, Shape.NUMBER),
        _opens("connection", Section.CONNECTION, Shape.MAYBE_NAME, syntax=V9),
        _opens("connection-mesh", Section.MESH, syntax=V9),
        _says("template-file", Shape.NAME, syntax=V9),
    ),
    Section.HOST: _HOST_WORDS,
    Section.FLOATING: tuple(each for each in _HOST_WORDS if each.name != "address"),
    Section.STACKED: (
        _says("device", Shape.DEVICE),
        _says("address", Shape.ADDRESS),
        _says("node-id", Shape.NUMBER, syntax=V9),
        _opens("disk", Section.DISK, syntax=V9),
        _opens("proxy", Section.PROXY, Shape.ANYTHING),
        _opens("volume", Section.STACKED_VOLUME, Shape.NUMBER),
        _opens("options", Section.OPTIONS, syntax=V9),
    ),
    Section.VOLUME: (*_VOLUME_WORDS, *_options(known.TIEBREAKER), _SKIP),
    Section.STACKED_VOLUME: (_says("device", Shape.DEVICE), _opens("disk", Section.DISK)),
    Section.NET: _options(*known.NET),
    Section.DISK: _options(*known.DISK),
    Section.PEER_DISK: _options(*known.PEER_DISK),
    Section.SYNCER: _options(*known.SYNCER),
    Section.STARTUP: (
        *_options(*known.STARTUP),
        _says("become-primary-on", Shape.NAMES),
    ),
    Section.HANDLERS: _options(*known.HANDLERS),
    Section.OPTIONS: _options(*known.OPTIONS),
    Section.CONNECTION: (
        *_PATH_WORDS,
        *_PEER_WORDS,
        _opens("path", Section.PATH),
        _says("_peer_node_id", Shape.NUMBER),
        _says("_is_standalone", Shape.NOTHING),
        _says("_cstate", Shape.NAME),
    ),
    Section.MESH: (_says("hosts", Shape.NAMES), _opens("net", Section.NET), _SKIP),
    Section.PATH: _PATH_WORDS,
    Section.PEER_VOLUME: (_opens("disk", Section.PEER_DISK),),
    Section.PROXY: (
        _says("inside", Shape.ADDRESS),
        _says("outside", Shape.ADDRESS),
        _opens("options", Section.PROXY_OPTIONS),
    ),
    Section.PROXY_OPTIONS: (
        *_options(*known.PROXY),
        _opens("plugin", Section.SKIPPED),
    ),
    Section.SKIPPED: (),
}
KEYWORDS: dict[Section, dict[str, Keyword]] = {
    section: {keyword.name: keyword for keyword in table} for section, table in _TABLES.items()
}
"""Every section's words under their names."""


def lookup(section: Section, word: str) -> Keyword | None:
    """The keyword `word` of a section; `no-` before a boolean option is the old way to say no."""
    table = KEYWORDS[section]
    if word in table:
        return table[word]
    if word.startswith("no-"):
        positive = table.get(word.removeprefix("no-"))
        if positive and positive.option and isinstance(positive.option.value, Boolean):
            return positive
    return None


def homes(word: str) -> list[Section]:
    """The sections in which `word` is a keyword."""
    return [section for section in Section if lookup(section, word) is not None]
