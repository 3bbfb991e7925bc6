"""The ways out to clusters, as workers hand them to the machine; `hapanel.wiring` makes them."""

from __future__ import annotations

from typing import Protocol

from hapanel.ports.cluster_gateway import ClusterGateway
from hapanel.ports.endpoint import Endpoint, SeenCertificate
from hapanel.ports.lab import LabControl
from hapanel.ports.node_hands import NodeHands
from hapanel.ports.node_shell import HostKey, NodeDoor, SshLogin
from nodes.models import Cluster


class Doors(Protocol):
    """What an operation may reach. Every method raises a `hapanel.ports.errors.ClusterError`."""

    def to_cluster(self, cluster: Cluster) -> ClusterGateway:
        """A gateway of a recorded cluster. It may be kept and shared: it is not closed here."""
        ...

    def to_endpoint(self, endpoint: Endpoint) -> ClusterGateway:
        """A gateway of a cluster that is only being tried. The caller closes it."""
        ...

    def certificate_of(self, address: str, ca_pem: str | None = None) -> SeenCertificate:
        """The certificate that an address shows; nothing is sent. ValueError for no address."""
        ...

    def to_lab(self) -> LabControl:
        """The control of the lab that is configured."""
        ...

    def host_key_of(self, door: NodeDoor) -> HostKey:
        """The ssh host key that a node shows; nothing is sent."""
        ...

    def try_ssh(self, login: SshLogin, door: NodeDoor) -> None:
        """Sign in, ask the panel's script for its version and DRBD for its status, leave."""
        ...

    def to_nodes(self, cluster: Cluster) -> NodeHands:
        """A recorded cluster's nodes over ssh; a cluster without ssh has none that answer."""
        ...
