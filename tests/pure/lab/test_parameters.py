"""Parameters are refused in PVE's own words."""

from __future__ import annotations

import pytest

from hapanel.lab.errors import ApiError
from hapanel.lab.schema import Param, Type, flag, maybe, text, verify

SCHEMA = [
    text("target", pattern="[a-z]+", invalid="not a node name"),
    flag("online"),
    maybe("limit", Type.INTEGER, minimum=0, maximum=9),
    maybe("source", enum=("archive", "active")),
    maybe("comment", max_length=4),
    maybe("password", min_length=8),
    maybe("rate", Type.NUMBER),
    Param("privsep", Type.BOOLEAN, optional=True, default=True),
]


def test_values_come_out_typed_and_with_defaults() -> None:
    given = {"target": "slave", "online": "1", "limit": "7", "rate": "1.5"}
    assert verify(given, SCHEMA) == {
        "target": "slave", "online": True, "limit": 7, "rate": 1.5, "privsep": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("online", "perhaps", "type check ('boolean') failed - got 'perhaps'"),
        ("limit", "many", "type check ('integer') failed - got 'many'"),
        ("limit", "-1", "value must have a minimum value of 0"),
        ("limit", "10", "value must have a maximum value of 9"),
        ("source", "x", "value 'x' does not have a value in the enumeration 'archive, active'"),
        ("comment", "12345", "value may only be 4 characters long"),
        ("password", "short", "value must be at least 8 characters long"),
        ("target", "A B", "invalid format - not a node name\n"),
        ("nosuch", "1", "property is not defined in schema and the schema does not allow "
         "additional properties"),
    ],
)  # fmt: skip
def test_a_fault_has_proxmox_words(name: str, value: str, message: str) -> None:
    with pytest.raises(ApiError) as refused:
        verify({"target": "slave", name: value}, SCHEMA)
    assert refused.value.status == 400
    assert refused.value.errors == {name: message}


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ApiError) as refused:
        verify({}, SCHEMA)
    assert refused.value.errors == {"target": "property is missing and it is not optional"}
