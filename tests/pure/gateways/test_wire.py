"""Answers that are not as they were promised."""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hapanel.gateways.proxmox import decode_cluster as cluster
from hapanel.gateways.proxmox import decode_ha as ha
from hapanel.gateways.proxmox import decode_tasks as tasks
from hapanel.gateways.proxmox.wire import moment
from hapanel.ports.errors import Garbage


def envelope(*rows: object) -> bytes:
    return msgspec.json.encode({"data": rows})


GOOD = {"type": "qemu", "id": "qemu/100", "vmid": 100, "node": "master", "status": "running"}


def test_zeros_ones_and_strings_of_digits_are_what_they_stand_for() -> None:
    row = GOOD | {"template": "1", "vmid": "100", "mem": "42", "cpu": 0, "maxcpu": "2"}
    (found,) = cluster.resources(envelope(row)).guests
    assert (found.vmid, found.template, found.mem, found.cpu, found.maxcpu) == (100, True, 42, 0, 2)


def test_a_value_that_makes_no_sense_costs_that_value() -> None:
    row = GOOD | {"mem": "much", "cpu": {}, "uptime": 12.0, "maxmem": 1.5, "name": None, "tags": 3}
    (found,) = cluster.resources(envelope(row)).guests
    assert (found.mem, found.cpu, found.uptime, found.maxmem) == (None, None, 12, None)
    assert (found.name, found.tags) == (None, "")


def test_a_row_without_its_identity_costs_that_row_and_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = [GOOD, {"no": "type"}, "text", None, 7, GOOD | {"vmid": 101}, GOOD | {"vmid": None}]
    with caplog.at_level(logging.WARNING):
        found = cluster.resources(envelope(*rows))
    assert [entry.vmid for entry in found.guests] == [100, 101]
    assert "skipped 4 of 7 unusable rows" in caplog.text


def test_unknown_types_keys_and_states_are_tolerated() -> None:
    rows = [
        GOOD | {"status": "dreaming", "colour": "blue", "hastate": "sleepy"},
        {"type": "network", "node": "master", "id": "network/x"},
        {"type": "sdn", "sdn": "localnetwork"},
        {"type": "moon"},
    ]
    found = cluster.resources(envelope(*rows))
    assert [entry.status for entry in found.guests] == ["dreaming"]
    assert (found.nodes, found.storages) == ((), ())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"data": 5}',
        b'{"data": {"a": 1}}',
        b'{"dat": []}',
        b'{"data": []',
        b"\xff",
        b"[" * 10_000,
    ],
)
def test_what_is_no_list_in_an_envelope_is_garbage(body: bytes) -> None:
    with pytest.raises(Garbage):
        cluster.resources(body)


def test_null_instead_of_a_list_is_an_empty_one() -> None:
    assert ha.ha_rules(b'{"data": null}') == ()


def test_a_cluster_without_a_node_is_garbage() -> None:
    with pytest.raises(Garbage):
        cluster.membership(b'{"data": []}')


def test_tasks_that_are_none_are_left_out() -> None:
    assert tasks.tasks(envelope({"upid": "nonsense"}, {"no": "upid"})) == ()


def test_moments_beyond_every_calendar_are_not_told() -> None:
    assert moment(10**30) is None
    assert moment(None) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
KEYS = st.sampled_from(["type", "node", "vmid", "status", "name", "cpu", "mem", "template", "id"])
ROWS = st.dictionaries(KEYS, VALUES, max_size=8)


@given(st.lists(ROWS, max_size=5))
def test_whatever_the_rows_hold_the_good_ones_survive(rows: list[dict[str, object]]) -> None:
    found = cluster.resources(msgspec.json.encode({"data": [*rows, GOOD]}))
    assert any(entry.vmid == 100 for entry in found.guests)


@given(st.binary(max_size=200), st.sampled_from([cluster.resources, cluster.membership]))
def test_whatever_the_bytes_are_only_garbage_comes_out(
    body: bytes, reader: Callable[[bytes], object]
) -> None:
    with pytest.raises(Garbage):
        reader(body)
