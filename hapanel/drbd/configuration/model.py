"""What a configuration means: resources, hosts, volumes and the settings that hold for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hapanel.drbd.configuration.grammar import KEYWORDS, Section
from hapanel.drbd.configuration.tokens import Place, Token
from hapanel.drbd.configuration.tree import Document, Statement
from hapanel.drbd.configuration.values import Boolean, Number

_DEVICE_NUMBER = re.compile(r"(?:/dev/)?drbd([0-9]{1,9})\Z")
SETTING_SECTIONS = (
    *(Section.NET, Section.DISK, Section.STARTUP, Section.HANDLERS, Section.OPTIONS),
)

DEEPER = (
    *(Section.CONNECTION, Section.MESH, Section.PEER_VOLUME),
    *(Section.HOST, Section.FLOATING, Section.STACKED, Section.VOLUME),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One option as it stands in the file. `section` is where it takes effect."""

    section: Section
    name: str
    statement: Statement

    @property
    def token(self) -> Token:
        """The value's token; the keyword's own when it has no value."""
        return self.statement.value or self.statement.keyword

    @property
    def place(self) -> Place:
        """Where the option's keyword stands."""
        return self.statement.place

    @property
    def text(self) -> str:
        """The value; a boolean without one is yes, one written with `no-` is no."""
        if self.statement.value is not None:
            return self.statement.value.text
        return "no" if self.statement.keyword.text == f"no-{self.name}" else "yes"

    @property
    def shown(self) -> str:
        """The value as it may be printed."""
        return self.statement.value.shown if self.statement.value else self.text

    @property
    def is_on(self) -> bool:
        """Whether a boolean says yes."""
        return self.text == "yes"

    @property
    def number(self) -> int | None:
        """A number in ones (bytes for a size); None when it is none."""
        known = self.statement.known
        kind = known.option.value if known and known.option else None
        return kind.ones(self.text) if isinstance(kind, Number) else None

    @property
    def meaning(self) -> str:
        """The value in the one form that equal values share."""
        known = self.statement.known
        kind = known.option.value if known and known.option else None
        if isinstance(kind, Number):
            ones = kind.ones(self.text)
            return self.text if ones is None else str(ones)
        if isinstance(kind, Boolean):
            return "yes" if self.is_on else self.text
        return self.text.upper() if getattr(kind, "any_case", False) else self.text


Settings = Mapping[tuple[Section, str], Setting]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a node listens for its peers."""

    family: str
    ip: str
    port: str
    token: Token

    @property
    def endpoint(self) -> str:
        """Address and port as one text."""
        return f"[{self.ip}]:{self.port}" if self.family == "ipv6" else f"{self.ip}:{self.port}"


@dataclass(frozen=True, slots=True)
class Volume:
    """One replicated device of one host; what is not said is None."""

    number: int
    place: Place
    device: Statement | None = None
    disk: Statement | None = None
    meta_disk: Statement | None = None

    @property
    def minor(self) -> int | None:
        """The minor number, said by itself or in the device's name."""
        if self.device is None:
            return None
        words = [token.text for token in self.device.arguments]
        if "minor" in words[:-1] and words[-1].isdigit():
            return int(words[-1][:9])
        found = _DEVICE_NUMBER.match(words[0]) if words else None
        return int(found[1]) if found else None

    def over(self, outer: Volume | None) -> Volume:
        """This volume with what the resource says for all hosts where the host says nothing."""
        if outer is None:
            return self
        return Volume(
            self.number,
            self.place,
            self.device or outer.device,
            self.disk or outer.disk,
            self.meta_disk or outer.meta_disk,
        )


@dataclass(frozen=True, slots=True)
class Host:
    """What one `on`, `floating` or `stacked-on-top-of` section says of the nodes it names."""

    names: tuple[str, ...]
    statement: Statement
    address: Address | None
    node_id: Token | None
    volumes: tuple[Volume, ...]

    @property
    def place(self) -> Place:
        """Where the section begins."""
        return self.statement.place

    @property
    def label(self) -> str:
        """The nodes' names, the address of a floating section, or the resource beneath."""
        if self.is_stacked:
            below = " ".join(token.text for token in self.statement.arguments)
            return f"stacked-on-top-of {below}"
        return " ".join(self.names) or (self.address.endpoint if self.address else "?")

    @property
    def goes_through_a_proxy(self) -> bool:
        """Whether its address is only the proxy's, which may be the same everywhere."""
        return any(each.name == "proxy" for each in self.statement.inside())

    @property
    def is_stacked(self) -> bool:
        """Whether it lies on another resource instead of a disk."""
        return self.statement.name == "stacked-on-top-of"


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource. `settings` are its own; `setting` looks into common as well."""

    name: str
    statement: Statement
    hosts: tuple[Host, ...]
    settings: Settings
    common: Settings
    connections: tuple[Statement, ...]

    @property
    def place(self) -> Place:
        """Where the resource begins."""
        return self.statement.place

    def setting(self, section: Section, name: str) -> Setting | None:
        """The setting that holds: the resource's own, else that of common."""
        return self.settings.get((section, name)) or self.common.get((section, name))

    @property
    def effective(self) -> dict[tuple[Section, str], Setting]:
        """All settings that hold."""
        return {**self.common, **self.settings}


@dataclass(frozen=True, slots=True)
class Configuration:
    """A document understood."""

    document: Document
    resources: tuple[Resource, ...]
    common: Settings = field(default_factory=dict)

    @property
    def distinct(self) -> tuple[Resource, ...]:
        """The resources without later ones of the same name."""
        return tuple({each.name: each for each in reversed(self.resources)}.values())[::-1]

    def resource(self, name: str) -> Resource | None:
        """The first resource of this name."""
        return next((each for each in self.resources if each.name == name), None)


def settings_in(statements: tuple[Statement, ...]) -> dict[tuple[Section, str], Setting]:
    """The options of a resource's, common's or connection's sections; the last one holds."""
    found: dict[tuple[Section, str], Setting] = {}
    for section, statement in _options(statements):
        key = (section, _current_name(statement))
        # A guess does not hold against what is really written.
        if not statement.guessed or key not in found:
            found[key] = Setting(section, key[1], statement)
    return found


def settings_deeper(statements: tuple[Statement, ...]) -> dict[tuple[Section, str], Setting]:
    """The options inside of connections, hosts and volumes; of several the first one."""
    found: dict[tuple[Section, str], Setting] = {}
    for statement in statements:
        if statement.section in DEEPER:
            inside = statement.inside()
            found = {**settings_deeper(inside), **settings_in(inside), **found}
    return found


def _current_name(statement: Statement) -> str:
    option = statement.known.option if statement.known else None
    return (option.now or option.name) if option else statement.name


def _options(statements: tuple[Statement, ...]) -> Iterator[tuple[Section, Statement]]:
    for statement in statements:
        if statement.name == "protocol":
            yield Section.NET, statement
        elif statement.section is Section.SYNCER:
            for each in statement.inside():
                yield _home_of(_current_name(each)), each
        elif statement.section in (*SETTING_SECTIONS, Section.PEER_DISK):
            home = Section.DISK if statement.section is Section.PEER_DISK else statement.section
            for each in statement.inside():
                yield home, each


def _home_of(name: str) -> Section:
    homes = (Section.NET, Section.DISK, Section.OPTIONS)
    return next((home for home in homes if name in KEYWORDS[home]), Section.NET)
