"""The other nodes' addresses, found in the cluster itself: what fail-over goes through."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from hapanel.ports.cluster import Membership
from nodes.models import Cluster

DEFAULT_PORT = 8006


def found_addresses(cluster: Cluster, membership: Membership) -> list[str]:
    """`https://IP:PORT` of each node that no seed names, in the order of the node ids.

    Only with a recorded CA: a pinned cluster trusts the certificates that a person compared, and
    those of other nodes are not among them, so what was found then is left as it is.
    """
    if not cluster.ca_pem:
        return list(cluster.found_addresses)
    port = _port(cluster)
    ips = [node.ip for node in sorted(membership.nodes, key=lambda n: n.node_id or 0) if node.ip]
    urls = [url for ip in ips if (url := _url(ip, port)) and url not in cluster.addresses]
    return urls if ips else list(cluster.found_addresses)


def _port(cluster: Cluster) -> int:
    """All nodes listen on the same port, which the first seed tells."""
    seeds = [urlsplit(address).port for address in cluster.addresses]
    return next((port for port in seeds if port), DEFAULT_PORT)


def _url(ip: str, port: int) -> str | None:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return None
    host = f"[{address}]" if address.version == 6 else str(address)
    return f"https://{host}:{port}"
