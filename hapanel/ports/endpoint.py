"""Where and how a cluster is reached, and by what it proves to be itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from hapanel.ports.datacenter import Struct


class Credentials(Struct, frozen=True, kw_only=True):
    """How to sign in: an API token, or user and password for a ticket. Never in a repr."""

    token_id: str | None = None
    token_secret: str | None = None
    username: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"Credentials({self.token_id or self.username!r}, secret hidden)"


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where and how a cluster is reached: addresses in order of preference, and what to trust.

    Exactly one trust is used: `ca_pem`, or `fingerprints` (SHA-256 of the leaf, per address or
    under "*"). Without either nothing is sent. cluster_name: what the cluster is called in Proxmox;
    with it nothing is believed of an address that turns out to lead to another cluster.
    """

    addresses: Sequence[str]
    credentials: Credentials
    ca_pem: str | None = None
    fingerprints: Mapping[str, str] = {}
    cluster_name: str | None = None


class SeenCertificate(Struct, frozen=True, kw_only=True):
    """The certificate an address showed when it was asked for the first time."""

    address: str
    fingerprint: str
    subject: str
    issuer: str
    not_after: datetime
    matches_ca: bool | None = None
