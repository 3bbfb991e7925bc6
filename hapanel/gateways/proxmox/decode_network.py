"""/nodes/{node}/network: the interfaces as /etc/network/interfaces has them, and those of SDN.

Proxmox tells what is configured, not what the kernel has: an interface with dhcp or auto shows no
address, nor does one of an SDN fabric or a virtual network, and what a `post-up` line adds stands
in `options` as text. The loopback interface is left out (pve-manager, API2/Network.pm).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address

from hapanel.gateways.proxmox.wire import Wire, rows
from hapanel.ports.node_addresses import NodeAddresses

INET, INET6 = "inet", "inet6"
_ASKS = frozenset({"dhcp", "auto"})
_OF_OTHERS = frozenset({"fabric", "vnet"})
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{3,45}")


class _Interface(Wire, frozen=True, kw_only=True):
    iface: str
    type: str = ""
    method: str = ""
    method6: str = ""
    address: str = ""
    address6: str = ""
    cidr: str = ""
    cidr6: str = ""
    options: tuple[str, ...] = ()
    options6: tuple[str, ...] = ()


def node_addresses(body: bytes) -> NodeAddresses:
    """Every address that the answer names, and of which families there may be more."""
    found: set[str] = set()
    families: set[str] = set()
    for row in rows(body, _Interface):
        found.update(_addresses(row))
        families.update(_open_families(row))
    return NodeAddresses(addresses=tuple(sorted(found)), open_families=tuple(sorted(families)))


def _addresses(row: _Interface) -> Iterator[str]:
    told = (row.address, row.address6, row.cidr, row.cidr6)
    written = (word for line in (*row.options, *row.options6) for word in _ADDRESS.findall(line))
    for text in (*told, *written):
        try:
            yield str(ip_address(text.partition("/")[0].partition("%")[0]))
        except ValueError:
            continue


def _open_families(row: _Interface) -> Iterator[str]:
    if row.method in _ASKS or row.type in _OF_OTHERS:
        yield INET
    if row.method6 in _ASKS or row.type in _OF_OTHERS:
        yield INET6
