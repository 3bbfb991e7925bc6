"""How trying a new cluster can end: which of address, certificate, token and privilege is wrong."""

from __future__ import annotations

from hapanel.kernel.refusal import Refusal, refusal_kind
from hapanel.kernel.refusal import gettext_noop as _
from hapanel.ports.errors import (
    CertificateMismatch,
    ClusterError,
    PermissionMissing,
    SignInRefused,
    Unreachable,
)

NO_SUCH_HOST = refusal_kind(
    "address-no-such-host",
    _("No machine is known by the name in %(address)s."),
    _("Check the spelling, or use the node's IP address."),
    field="addresses",
)
NOT_TLS = refusal_kind(
    "address-not-https",
    _("What answers at %(address)s does not speak HTTPS: %(said)s."),
    _("Give the address of a node's page as the browser shows it, with its port (8006)."),
    field="addresses",
)
NO_ANSWER = refusal_kind(
    "address-no-answer",
    _("Nothing answers at %(address)s: %(said)s."),
    _("Check address and port, and that a firewall lets the panel through to port 8006."),
    field="addresses",
)
NOT_CONFIRMED = refusal_kind(
    "certificate-not-confirmed",
    _(
        "%(address)s shows a certificate with the SHA-256 fingerprint %(seen)s. Nobody confirmed "
        "it yet, so the token was not sent."
    ),
    _(
        "Compare it with the one on the node (Node, Certificates) or with the output of: "
        "openssl x509 -noout -fingerprint -sha256 -in /etc/pve/local/pve-ssl.pem"
    ),
    field="fingerprint",
)
OTHER_FINGERPRINT = refusal_kind(
    "certificate-other-fingerprint",
    _("%(address)s shows the fingerprint %(seen)s, not the given one. The token was not sent."),
    _("Find out why: a renewed certificate, another machine, or somebody in between."),
    field="fingerprint",
)
NOT_FROM_CA = refusal_kind(
    "certificate-not-from-ca",
    _("The certificate of %(address)s is not from the given CA, or is for another address."),
    _("Give the cluster's own CA (/etc/pve/pve-root-ca.pem), or confirm the fingerprint."),
    field="ca_pem",
)
CA_UNREADABLE = refusal_kind(
    "ca-unreadable",
    _("The given CA cannot be read: %(said)s."),
    _("Paste the whole file, from BEGIN CERTIFICATE to END CERTIFICATE."),
    field="ca_pem",
)
TOKEN_WRONG = refusal_kind(
    "token-wrong",
    _("Proxmox does not accept the token %(token)s: %(said)s."),
    _("Check id and secret, that the token exists, and that it has not expired."),
    field="token_id",
)
NOT_PROXMOX = refusal_kind(
    "not-proxmox",
    _("What answers is no Proxmox VE: %(said)s."),
    _("Give the address of a Proxmox VE node, not of a proxy or another service."),
    field="addresses",
)
CANNOT_LOOK = refusal_kind(
    "token-may-not-look",
    _("The token %(token)s may not see the cluster: %(said)s."),
    _("Give the role PVEAuditor on / to the token and to its user."),
    field="token_id",
)
TOKEN_SEES_NOTHING = refusal_kind(
    "token-lacks-privileges",
    _("The token lacks what is needed to watch the cluster: %(privileges)s."),
    _("Give the role PVEAuditor on / to the token and to its user, with propagation."),
    field="token_id",
)
SAME_CLUSTER = refusal_kind(
    "same-cluster",
    _("This is the cluster %(pve_name)s, which is here already as %(name)s."),
    _("Open the settings of %(name)s to change how it is reached."),
    field="addresses",
)
SECRET_LOST = refusal_kind(
    "secret-unreadable",
    _("The token's secret cannot be read any more: the panel's encryption keys changed."),
    _("Add the cluster again."),
)


def no_answer(address: str, error: Unreachable) -> Refusal:
    """Which of name, protocol and way is wrong, told by the network's words."""
    said = error.reason.rstrip(".")
    if isinstance(error, CertificateMismatch):
        return CA_UNREADABLE(said=said)
    if "no such host" in said:
        return NO_SUCH_HOST(address=address)
    if said.startswith("TLS failed"):
        return NOT_TLS(address=address, said=said)
    return NO_ANSWER(address=address, said=said)


def refused_sign_in(token_id: str, error: ClusterError) -> Refusal:
    """What is wrong when the address proved itself but no good answer came."""
    said = error.reason[:300].rstrip(".!")
    address = error.address or "-"
    match error:
        case SignInRefused():
            return TOKEN_WRONG(token=token_id, said=said)
        case PermissionMissing():
            return CANNOT_LOOK(token=token_id, said=said)
        case Unreachable():
            return NO_ANSWER(address=address, said=said)
        case _:
            return NOT_PROXMOX(said=said)
