"""The lab's certificates: what strict and what lenient clients make of them."""

from __future__ import annotations

import hashlib
import ssl

import pytest

from hapanel.lab.net.pki import Authority, Leaf

ADDRESS = "127.0.42.20"


def shake_hands(client_context: ssl.SSLContext, leaf: Leaf, name: str) -> str:
    """A TLS handshake in memory; the fingerprint the client saw."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = leaf.context.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    seen = client.getpeercert(binary_form=True)
    assert seen is not None
    return hashlib.sha256(seen).digest().hex(":").upper()


def trusting(authority: Authority, *, strict: bool) -> ssl.SSLContext:
    """A client that trusts this CA alone."""
    context = ssl.create_default_context(cadata=authority.pem)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if strict:
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


@pytest.mark.parametrize("name", [ADDRESS, "master", "master.lab.invalid"])
@pytest.mark.parametrize("strict", [True, False])
def test_a_leaf_is_good_for_its_address_and_its_names(name: str, strict: bool) -> None:
    authority = Authority("clusterubd")
    leaf = authority.leaf("master", ADDRESS)
    assert shake_hands(trusting(authority, strict=strict), leaf, name) == leaf.fingerprint


def test_a_leaf_without_aki_is_good_for_lenient_clients_only() -> None:
    authority = Authority("clusterubd")
    leaf = authority.leaf("master", ADDRESS, with_aki=False)
    assert shake_hands(trusting(authority, strict=False), leaf, ADDRESS) == leaf.fingerprint
    with pytest.raises(ssl.SSLCertVerificationError, match="Authority Key Identifier"):
        shake_hands(trusting(authority, strict=True), leaf, ADDRESS)


def test_another_labs_ca_does_not_vouch_for_it() -> None:
    leaf = Authority("clusterubd").leaf("master", ADDRESS)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(trusting(Authority("campus"), strict=False), leaf, ADDRESS)
