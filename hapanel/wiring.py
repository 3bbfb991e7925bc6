"""The only place where the panel's rooms are plugged into the gateways that reach the network.

A process keeps one gateway per cluster: threads share it, its kept connections and what it learned
about addresses that do not answer. It is made anew when the cluster's connection settings change.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from django.conf import settings

from hapanel.accounts.vault import VaultLocked, unseal
from hapanel.gateways import http_probe
from hapanel.gateways.drbd_ssh.shell import DrbdShell, DrbdSshGateway
from hapanel.gateways.lab_control import LabControlGateway
from hapanel.gateways.proxmox.gateway import ProxmoxGateway
from hapanel.gateways.proxmox.trust import fetch_certificate
from hapanel.ports.cluster_gateway import ClusterGateway
from hapanel.ports.endpoint import Credentials, Endpoint, SeenCertificate
from hapanel.ports.errors import ClusterError, SignInRefused, Unreachable
from hapanel.ports.lab import LabControl
from hapanel.ports.node_hands import NodeHands
from hapanel.ports.node_shell import (
    HostKey,
    LvmReport,
    NodeDoor,
    OrderAnswer,
    ShellOpener,
    SshLogin,
)
from hapanel.ports.probe import Probe
from hapanel.ports.replication import NodeReplication
from nodes.models import Cluster, Node, SshAccess
from nodes.upstream import Traffic, note_traffic


def endpoint_of(cluster: Cluster) -> Endpoint:
    """How to reach a recorded cluster: the seeds first, then what was found in the cluster.

    Raises SignInRefused when its secret cannot be read any more.
    """
    try:
        secret = unseal(cluster.encrypted_secret)
    except VaultLocked as locked:
        raise SignInRefused(str(locked)) from locked
    return Endpoint(
        addresses=tuple(dict.fromkeys([*cluster.addresses, *cluster.found_addresses])),
        credentials=Credentials(token_id=cluster.token_id, token_secret=secret),
        ca_pem=cluster.ca_pem or None,
        fingerprints=dict(cluster.fingerprints),
        cluster_name=cluster.pve_name or None,
    )


def open_gateway(endpoint: Endpoint) -> ClusterGateway:
    """A gateway of its own for `endpoint`; the caller closes it. Nothing is sent yet."""
    return ProxmoxGateway(endpoint)


def http_prober() -> Probe:
    """What the help desk asks services with."""
    return http_probe.probe


def lab_control() -> LabControl:
    """The control of the lab that is configured. Nothing is sent yet."""
    return LabControlGateway(settings.LAB_URL, settings.LAB_TOKEN)


def node_shells() -> ShellOpener:
    """What the follower reaches nodes with, over ssh."""
    return DrbdSshGateway()


@dataclass
class _Kept:
    """A cluster's gateway, the settings it was made from, and what of it was counted so far."""

    settings: tuple[str, ...]
    gateway: ProxmoxGateway
    calls: int = 0
    retries: int = 0


class _Board:
    """The gateways of this process by the cluster's primary key."""

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}
        self._guard = threading.Lock()

    def gateway(self, cluster: Cluster) -> ProxmoxGateway:
        settings = _settings(cluster)
        with self._guard:
            kept = self._kept.get(cluster.pk)
            if kept is not None and kept.settings == settings:
                return kept.gateway
            made = ProxmoxGateway(endpoint_of(cluster))
            self._kept[cluster.pk] = _Kept(settings, made)
        if kept is not None:
            kept.gateway.close()
        return made

    def uncounted(self, cluster_id: int) -> Traffic:
        """What was sent since the last time this was asked, and what is open now."""
        with self._guard:
            kept = self._kept.get(cluster_id)
            if kept is None:
                return Traffic()
            gateway = kept.gateway
            sent = Traffic(
                gateway.calls - kept.calls, gateway.retries - kept.retries, gateway.connections
            )
            kept.calls, kept.retries = gateway.calls, gateway.retries
            return sent


def _settings(cluster: Cluster) -> tuple[str, ...]:
    """Everything a connection depends on; another value of it means another gateway."""
    return (
        repr(cluster.addresses),
        repr(cluster.found_addresses),
        cluster.ca_pem,
        repr(sorted(cluster.fingerprints.items())),
        cluster.token_id,
        cluster.encrypted_secret,
        cluster.pve_name,
    )


_board = _Board()


@contextmanager
def gateway_of(cluster: Cluster) -> Iterator[ClusterGateway]:
    """The cluster's gateway for the block, whose calls are counted.

    Raises SignInRefused when the secret cannot be read, and whatever the block raises.
    """
    try:
        yield _board.gateway(cluster)
    finally:
        note_traffic(cluster.pk, _board.uncounted(cluster.pk))


class Wiring:
    """Fulfils `hapanel.operations.doors.Doors`."""

    def to_cluster(self, cluster: Cluster) -> ClusterGateway:
        """The cluster's shared gateway; not to be closed. Raises SignInRefused."""
        return _board.gateway(cluster)

    def to_endpoint(self, endpoint: Endpoint) -> ClusterGateway:
        """A gateway of a cluster that is only being tried; the caller closes it."""
        return open_gateway(endpoint)

    def certificate_of(self, address: str, ca_pem: str | None = None) -> SeenCertificate:
        """The certificate that an address shows. Raises ValueError or Unreachable."""
        return fetch_certificate(address, ca_pem=ca_pem)

    def to_lab(self) -> LabControl:
        """The control of the lab that is configured."""
        return lab_control()

    def host_key_of(self, door: NodeDoor) -> HostKey:
        """The ssh host key that a node shows. Raises Unreachable."""
        return asyncio.run(node_shells().host_key(door))

    def try_ssh(self, login: SshLogin, door: NodeDoor) -> None:
        """Sign in once, see that the script and DRBD answer. Raises ClusterError."""
        asyncio.run(_try_ssh(login, door))

    def to_nodes(self, cluster: Cluster) -> NodeHands:
        """The cluster's nodes over ssh. Nothing is sent yet."""
        return _Hands(cluster)


class _Hands:
    """Fulfils `hapanel.ports.node_hands.NodeHands`: a connection for each look and each order."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def look(self) -> tuple[NodeReplication, ...]:
        login, doors = self._way()

        async def looks() -> list[NodeReplication]:
            return await asyncio.gather(*(_look(login, door) for door in doors.values()))

        return tuple(asyncio.run(looks()))

    def lvm(self, node: str) -> LvmReport:
        login, door = self._way_to(node)

        async def ask() -> LvmReport:
            async with _shell(login, door) as shell:
                return await shell.lvm()

        return asyncio.run(ask())

    def order(self, node: str, line: str) -> OrderAnswer:
        login, door = self._way_to(node)

        async def ask() -> OrderAnswer:
            async with _shell(login, door) as shell:
                return await shell.order(line)

        return asyncio.run(ask())

    def _way(self) -> tuple[SshLogin, dict[str, NodeDoor]]:
        access = SshAccess.objects.filter(cluster=self._cluster, is_on=True).first()
        if access is None:
            raise Unreachable("the nodes are not reached over ssh")
        try:
            login = SshLogin(user=access.user, private_key=unseal(access.encrypted_key))
        except VaultLocked as locked:
            raise SignInRefused(str(locked)) from locked
        nodes = Node.objects.filter(cluster=self._cluster).exclude(ip="").order_by("name")
        return login, {node.name: _door(node, access) for node in nodes}

    def _way_to(self, node: str) -> tuple[SshLogin, NodeDoor]:
        login, doors = self._way()
        if node not in doors:
            raise Unreachable(f"{node} has no address")
        return login, doors[node]


def _door(node: Node, access: SshAccess) -> NodeDoor:
    pin = access.host_keys.get(node.name)
    return NodeDoor(
        node=node.name,
        host=node.ip,
        port=access.port,
        host_key=msgspec.convert(pin, HostKey) if pin else None,
    )


@asynccontextmanager
async def _shell(login: SshLogin, door: NodeDoor) -> AsyncIterator[DrbdShell]:
    shell = await DrbdSshGateway().open(login, door)
    try:
        yield shell
    finally:
        await shell.close()


async def _look(login: SshLogin, door: NodeDoor) -> NodeReplication:
    try:
        async with _shell(login, door) as shell:
            status = await shell.status()
    except ClusterError as error:
        return NodeReplication(node=door.node, unseen_because=error.reason)
    return NodeReplication(node=door.node, status=status, seen_at=datetime.now(UTC))


async def _try_ssh(login: SshLogin, door: NodeDoor) -> None:
    async with _shell(login, door) as shell:
        await shell.status()
