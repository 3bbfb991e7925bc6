"""Which IP addresses a node has, as its network configuration tells."""

from __future__ import annotations

from hapanel.ports.datacenter import Struct


class NodeAddresses(Struct, frozen=True, kw_only=True):
    """The addresses on the node's interfaces, without prefix length.

    `open_families` (`inet`, `inet6`) are those of which the node may have more: an interface asks
    for its address when it comes up, or somebody else than Proxmox gives it one.
    """

    addresses: tuple[str, ...] = ()
    open_families: tuple[str, ...] = ()
