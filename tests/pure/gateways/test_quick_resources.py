"""The quick way through /cluster/resources says what the careful one says, or steps aside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hapanel.gateways.proxmox.decode_cluster import _careful_resources, resources
from hapanel.gateways.proxmox.quick_resources import quick_resources
from hapanel.kernel.names import GuestType
from hapanel.ports.cluster import GuestState, Resources

GUEST = {"type": "qemu", "vmid": 100, "node": "master", "status": "running", "maxcpu": 4}
CONTAINER = {"type": "lxc", "vmid": 101, "node": "slave", "template": 0, "tags": "prod;web"}
NODE = {"type": "node", "node": "master", "status": "online", "maxcpu": 16}
STORAGE = {"type": "storage", "storage": "rs", "node": "master", "shared": 1, "plugintype": "lvm"}


def body(*rows: dict[str, Any]) -> bytes:
    return json.dumps({"data": list(rows)}).encode()


def told(found: Resources) -> Any:
    """Everything that is told, the guests attribute by attribute."""
    names = GuestState.__struct_fields__
    guests = [[getattr(guest, name) for name in names] for guest in found.guests]
    return found.nodes, found.storages, guests


def test_both_ways_say_the_same() -> None:
    answer = body(GUEST, CONTAINER, NODE, STORAGE, {"type": "sdn", "id": "sdn/master/localnetwork"})
    quick = quick_resources(answer)
    assert quick is not None
    assert told(quick) == told(_careful_resources(answer))
    assert [guest.type for guest in quick.guests] == [GuestType.QEMU, GuestType.LXC]


@pytest.mark.parametrize(
    "strange",
    [
        {"type": "starship", "id": "starship/1"},
        {"type": "qemu", "node": "master"},
        {"type": "qemu", "vmid": 102, "node": ""},
        {"type": "qemu", "vmid": 102, "node": "master", "mem": "much"},
        {"id": "no type"},
    ],
)
def test_what_is_not_as_expected_is_left_to_the_careful_way(strange: dict[str, Any]) -> None:
    answer = body(GUEST, strange)
    assert quick_resources(answer) is None
    assert resources(answer).guests[0].vmid == 100


@pytest.mark.parametrize("garbage", [b"", b"<html>", b'{"data":', b'{"data": 7}', b"\xff\xfe"])
def test_garbage_is_no_answer(garbage: bytes) -> None:
    assert quick_resources(garbage) is None


def test_real_answers_are_read_alike(facts: Path) -> None:
    seen = 0
    for file in sorted(facts.glob("pve/recordings/*cluster-resources*.json")):
        response = json.loads(file.read_text())["response"]
        if response.get("status") == 200 and "json" in response:
            answer = json.dumps(response["json"]).encode()
            assert told(resources(answer)) == told(_careful_resources(answer)), file.name
            seen += 1
    assert seen
