"""The lab's own certificate authority and the leaves of its nodes.

Elliptic keys, so that a lab starts in a blink. A leaf carries its address and its name; one
without an Authority Key Identifier can be asked for, since Proxmox's own may lack it and
Python 3.13 refuses such leaves when it is strict.
"""

import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=365)
NOT_BEFORE_SLACK = timedelta(days=1)


@dataclass(frozen=True)
class Leaf:
    """A server's certificate: its context, its SHA-256 fingerprint (`AA:BB:...`) and its PEM."""

    context: ssl.SSLContext
    fingerprint: str
    pem: str


class Authority:
    """Signs leaves. The CA's certificate is handed out as PEM, its key never leaves."""

    def __init__(self, cluster_name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, "Proxmox Virtual Environment"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "PVE Cluster Manager CA"),
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, cluster_name),
            ]
        )
        self._certificate = self._self_signed()

    @property
    def pem(self) -> str:
        """The CA certificate."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def leaf(self, name: str, address: str, *, with_aki: bool = True) -> Leaf:
        """A certificate for a node, valid for its address, its name and `localhost`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name}.lab.invalid")])
        names = [x509.DNSName(name), x509.DNSName(f"{name}.lab.invalid")]
        addresses = [x509.IPAddress(ip_address(address))]
        builder = (
            self._builder(subject, key.public_key())
            .add_extension(x509.SubjectAlternativeName([*addresses, *names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        )
        if with_aki:
            builder = builder.add_extension(self._aki(), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        digest = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
        pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        return Leaf(_context(certificate, key), digest, pem)

    def _aki(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - NOT_BEFORE_SLACK)
            .not_valid_after(now + LIFETIME)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )

    def _self_signed(self) -> x509.Certificate:
        usage = x509.KeyUsage(
            digital_signature=False, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        return (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(self._aki(), critical=False)
            .sign(self._key, hashes.SHA256())
        )


def _context(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="hapanel-lab-") as folder:
        path = Path(folder) / "leaf.pem"
        path.touch(mode=0o600)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(path)
    return context
