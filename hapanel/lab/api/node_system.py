"""/nodes/{node}/apt, certificates, capabilities, subscription, report: what a node is made of."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hapanel.lab.api.routing import AUDIT_NODE, Call, api
from hapanel.lab.cpu_models import MODELS
from hapanel.lab.packages import PACKAGES, PVE_VERSION

Row = dict[str, object]

NO_SUBSCRIPTION = "There is no subscription key"
PRICES = "https://www.proxmox.com/proxmox-ve/pricing"


@api.on("GET", "/nodes/{node}/apt")
def apt_index(_call: Call) -> object:
    """Names of what there is below."""
    return [{"id": name} for name in ("changelog", "repositories", "update", "versions")]


@api.on("GET", "/nodes/{node}/apt/update", needs=AUDIT_NODE, proxied=True, protected=True)
def apt_update(_call: Call) -> object:
    """Packages for which there is a newer version: the lab's nodes are up to date."""
    return []


@api.on("GET", "/nodes/{node}/apt/versions", needs=AUDIT_NODE, proxied=True)
def apt_versions(call: Call) -> object:
    """What is installed of the packages that matter."""
    rows: list[Row] = [
        {
            "Package": package.name,
            "Version": package.version,
            "OldVersion": package.version,
            "Title": package.title,
            "Description": package.title,
            "Section": package.section,
            "Priority": "optional",
            "Arch": "amd64",
            "Origin": package.origin,
            "CurrentState": "Installed",
        }
        for package in PACKAGES
    ]
    return call.shuffled(rows)


@api.on("GET", "/nodes/{node}/certificates")
def certificates_index(_call: Call) -> object:
    """Names of what there is below."""
    return [{"name": name} for name in ("acme", "custom", "info")]


@api.on("GET", "/nodes/{node}/certificates/info", proxied=True, protected=True)
def certificates(call: Call) -> object:
    """The lab's authority and the certificate that this node shows."""
    held = call.world.node(call.text("node")).certificates
    return [_certificate(filename, pem) for filename, pem in held.items()]


def _certificate(filename: str, pem: str) -> Row:
    found = x509.load_pem_x509_certificate(pem.encode())
    return {
        "filename": filename,
        "pem": pem,
        "fingerprint": found.fingerprint(hashes.SHA256()).hex(":").upper(),
        "subject": _name(found.subject),
        "issuer": _name(found.issuer),
        "notbefore": int(found.not_valid_before_utc.timestamp()),
        "notafter": int(found.not_valid_after_utc.timestamp()),
        "san": _names_of(found),
        **_key(found),
    }


def _name(name: x509.Name) -> str:
    return "".join(f"/{part.rfc4514_string()}" for part in name.rdns)


def _names_of(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in extension.value]


def _key(certificate: x509.Certificate) -> Row:
    key = certificate.public_key()
    kind = "rsaEncryption" if isinstance(key, rsa.RSAPublicKey) else "id-ecPublicKey"
    bits = key.key_size if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) else 0
    return {"public-key-type": kind, "public-key-bits": bits}


@api.on("GET", "/nodes/{node}/capabilities")
def capabilities_index(_call: Call) -> object:
    """Names of what there is below."""
    return [{"name": "qemu"}]


@api.on("GET", "/nodes/{node}/capabilities/qemu")
def qemu_capabilities_index(_call: Call) -> object:
    """Names of what there is below."""
    return [{"name": "cpu"}]


@api.on("GET", "/nodes/{node}/capabilities/qemu/cpu", proxied=True)
def cpu_models(call: Call) -> object:
    """CPU models that a guest may be given."""
    rows: list[Row] = [
        {"name": name, "vendor": vendor, "custom": 0}
        for vendor, names in MODELS.items()
        for name in names
    ]
    return call.shuffled(rows)


@api.on("GET", "/nodes/{node}/subscription", proxied=True)
def subscription(_call: Call) -> object:
    """There is none."""
    return {"status": "notfound", "message": NO_SUBSCRIPTION, "url": PRICES}


@api.on("GET", "/nodes/{node}/report", needs=AUDIT_NODE, proxied=True, protected=True)
def report(call: Call) -> object:
    """The node and its cluster in one text."""
    node = call.world.node(call.text("node"))
    lines = [
        f"==== general system info ====\n\n# hostname\n{node.name}\n",
        f"# pveversion --verbose\npve-manager: {PVE_VERSION['version']}\n",
        f"# cat /etc/hosts\n{node.files.hosts}",
        "==== info about virtual guests ====\n",
        *(f"# {g.kind} {g.vmid} {g.name}: {g.state}" for g in call.world.guests_of(node.name)),
    ]
    return "\n".join(lines)
