"""Parameters as declared by the API, verified with PVE's messages (pve-common JSONSchema.pm)."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hapanel.lab.errors import bad_parameters

UNKNOWN = "property is not defined in schema and the schema does not allow additional properties"
MISSING = "property is missing and it is not optional"
TRUE_WORDS = frozenset(("1", "on", "yes", "true"))
FALSE_WORDS = frozenset(("0", "off", "no", "false"))
INTEGER = re.compile(r"[+-]?\d+")
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")

Value = str | int | float | bool


class Type(StrEnum):
    """Types of the schema."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    ARRAY = "array"


@dataclass(frozen=True)
class Param:
    """One declared parameter.

    `pattern` with `invalid` is a format and its complaint, in which `{value}` is what was given;
    with `many` it is one of each item of a list. `check` gets name and value, and words what a
    format forbids that is more than a pattern.
    """

    name: str
    type: Type = Type.STRING
    optional: bool = False
    enum: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    max_length: int | None = None
    min_length: int | None = None
    pattern: str | None = None
    invalid: str | None = None
    default: Value | None = None
    many: bool = False
    requires: str | None = None
    check: Callable[[str, str], str | None] | None = None


def text(name: str, **rest: object) -> Param:
    """A mandatory string."""
    return Param(name, **rest)  # type: ignore[arg-type]


def maybe(name: str, type_: Type = Type.STRING, **rest: object) -> Param:
    """An optional parameter."""
    return Param(name, type_, optional=True, **rest)  # type: ignore[arg-type]


def flag(name: str, *, default: bool | None = None) -> Param:
    """An optional boolean."""
    return Param(name, Type.BOOLEAN, optional=True, default=default)


def verify(given: Mapping[str, str], schema: Sequence[Param]) -> dict[str, Value]:
    """Typed values of the given parameters, with defaults. Raises 400 naming every fault."""
    known = {param.name: param for param in schema}
    errors = {name: UNKNOWN for name in given if name not in known}
    values: dict[str, Value] = {}
    for param in schema:
        if param.name not in given:
            if not param.optional:
                errors[param.name] = MISSING
            elif param.default is not None:
                values[param.name] = param.default
            continue
        fault = fault_of(given[param.name], param)
        if fault:
            errors[param.name] = fault
        elif param.requires is not None and param.requires not in given:
            errors[param.requires] = f"missing property required by '{param.name}'"
        else:
            values[param.name] = _typed(given[param.name], param.type)
    if errors:
        raise bad_parameters(errors)
    return values


def _typed(raw: str, type_: Type) -> Value:
    match type_:
        case Type.STRING | Type.ARRAY:
            return raw
        case Type.INTEGER:
            return int(raw)
        case Type.NUMBER:
            return float(raw)
        case Type.BOOLEAN:
            return raw.lower() in TRUE_WORDS


def fault_of(raw: str, param: Param) -> str | None:
    """What is wrong with a value, in PVE's words."""
    return _type_fault(raw, param) or _range_fault(raw, param) or _text_fault(raw, param)


def _type_fault(raw: str, param: Param) -> str | None:
    fits = {
        Type.STRING: True,
        Type.ARRAY: True,
        Type.INTEGER: bool(INTEGER.fullmatch(raw)),
        Type.NUMBER: bool(NUMBER.fullmatch(raw)),
        Type.BOOLEAN: raw.lower() in TRUE_WORDS | FALSE_WORDS,
    }[param.type]
    return None if fits else f"type check ('{param.type}') failed - got '{raw}'"


def _range_fault(raw: str, param: Param) -> str | None:
    if param.type not in (Type.INTEGER, Type.NUMBER):
        return None
    number = float(raw)
    if param.minimum is not None and number < param.minimum:
        return f"value must have a minimum value of {param.minimum}"
    if param.maximum is not None and number > param.maximum:
        return f"value must have a maximum value of {param.maximum}"
    return None


def _text_fault(raw: str, param: Param) -> str | None:
    if param.enum and raw not in param.enum:
        return f"value '{raw}' does not have a value in the enumeration '{', '.join(param.enum)}'"
    if param.max_length is not None and len(raw) > param.max_length:
        return f"value may only be {param.max_length} characters long"
    if param.min_length is not None and len(raw) < param.min_length:
        return f"value must be at least {param.min_length} characters long"
    wrong = param.check(param.name, raw) if param.check is not None else None
    return f"invalid format - {wrong}" if wrong else _pattern_fault(raw, param)


def _pattern_fault(raw: str, param: Param) -> str | None:
    for item in items_of(raw) if param.many else [raw]:
        if param.pattern is not None and not re.fullmatch(param.pattern, item):
            if param.invalid:
                return f"invalid format - {param.invalid.replace('{value}', item)}\n"
            return "value does not match the regex pattern"
    return None


def items_of(raw: str) -> list[str]:
    """A list as PVE reads it: separated by commas, semicolons, blanks or NUL."""
    return [item for item in re.split(r"[,;\s\0]+", raw) if item]
