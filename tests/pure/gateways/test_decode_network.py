"""The addresses of a node's interfaces, and where there may be more."""

from __future__ import annotations

import json

import pytest

from hapanel.gateways.proxmox.decode_network import node_addresses
from hapanel.ports.errors import Garbage


def told(*rows: dict[str, object]) -> bytes:
    return json.dumps({"data": rows}).encode()


def test_every_address_of_every_interface_is_read() -> None:
    found = node_addresses(
        told(
            {"iface": "eno1", "type": "eth", "method": "manual", "method6": "manual"},
            {"iface": "vmbr0", "type": "bridge", "method": "static", "cidr": "192.0.2.20/24"},
            {"iface": "eno2", "method": "static", "address": "10.1.1.1", "netmask": "24"},
            {"iface": "eno3", "method6": "static", "cidr6": "fd00:0:0::2/64"},
            {"iface": "eno4", "options": ["post-up ip addr add 10.9.9.1/30 dev eno4"]},
        )
    )
    assert found.addresses == ("10.1.1.1", "10.9.9.1", "192.0.2.20", "fd00::2")
    assert found.open_families == ()


@pytest.mark.parametrize(
    ("row", "families"),
    [
        ({"method": "dhcp"}, ("inet",)),
        ({"method": "static", "address": "10.1.1.1", "method6": "auto"}, ("inet6",)),
        ({"type": "fabric"}, ("inet", "inet6")),
    ],
)
def test_an_interface_that_gets_its_address_later_leaves_it_open(
    row: dict[str, object], families: tuple[str, ...]
) -> None:
    assert node_addresses(told({"iface": "eno1", **row})).open_families == families


def test_nonsense_is_no_address_and_no_list_is_garbage() -> None:
    odd = told({"iface": "eno1", "address": "none", "options": ["mtu 9000", "up x 1.2.3"]})
    assert node_addresses(odd).addresses == ()
    with pytest.raises(Garbage):
        node_addresses(b"<html>")
