"""The options of datacenter.cfg and the formats of those that are property strings.

Facts: pve-cluster DataCenterConfig.pm.
"""

import ipaddress

from hapanel.lab.properties import Format
from hapanel.lab.schema import Param, Type, flag, maybe

TAG = r"(?i:[a-z0-9_][a-z0-9_\-+.]*)"
COLOR = f"(?:{TAG}:[0-9a-fA-F]{{6}}(?::[0-9a-fA-F]{{6}})?)"
KEYBOARDS = (
    "de", "de-ch", "da", "en-gb", "en-us", "es", "fi", "fr", "fr-be", "fr-ca", "fr-ch", "hu", "is",
    "it", "ja", "lt", "mk", "nl", "no", "pl", "pt", "pt-br", "sv", "sl", "tr",
)  # fmt: skip
LANGUAGES = (
    "ar", "ca", "da", "de", "en", "es", "eu", "fa", "fr", "hr", "he", "it", "ja", "ka", "kr", "nb",
    "nl", "nn", "pl", "pt_BR", "ru", "sl", "sv", "tr", "ukr", "zh_CN", "zh_TW",
)  # fmt: skip
AUTO_REBALANCE = "ha-auto-rebalance"


def network(_name: str, text: str) -> str | None:
    """Format `CIDR`."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        is_one = False
    else:
        is_one = "/" in text
    return None if is_one else "value does not look like a valid CIDR network\n"


def _rebalancing(what: str, type_: Type = Type.NUMBER, **rest: object) -> Param:
    """A key that says how guests are rebalanced, and nothing unless they are."""
    return maybe(f"{AUTO_REBALANCE}-{what}", type_, requires=AUTO_REBALANCE, **rest)


TRAFFIC = Format(
    (
        Param("type", enum=("secure", "insecure")),
        maybe("network", check=network),
    ),
    bare="type",
)
PROPERTY_STRINGS = {
    "bwlimit": Format(
        tuple(
            maybe(name, Type.NUMBER, minimum=0)
            for name in ("clone", "default", "migration", "move", "restore")
        )
    ),
    "crs": Format(
        (
            maybe("ha", enum=("basic", "static", "dynamic")),
            flag(AUTO_REBALANCE),
            _rebalancing("hold-duration", minimum=0),
            _rebalancing("margin", minimum=0, maximum=100),
            _rebalancing("method", Type.STRING, enum=("bruteforce", "topsis")),
            _rebalancing("threshold", minimum=0, maximum=100),
            flag("ha-rebalance-on-start"),
        )
    ),
    "ha": Format(
        (Param("shutdown_policy", enum=("freeze", "failover", "conditional", "migrate")),)
    ),
    "migration": TRAFFIC,
    "next-id": Format((maybe("lower", Type.INTEGER), maybe("upper", Type.INTEGER))),
    "notify": Format(
        (
            maybe("fencing", enum=("always", "never")),
            maybe("package-updates", enum=("auto", "always", "never")),
            maybe("replication", enum=("always", "never")),
            *(maybe(f"target-{what}") for what in ("fencing", "package-updates", "replication")),
        )
    ),
    "replication": TRAFFIC,
    "tag-style": Format(
        (
            flag("case-sensitive"),
            maybe("color-map", pattern=f"{COLOR}(?:;{COLOR})*"),
            maybe("ordering", enum=("config", "alphabetical")),
            maybe("shape", enum=("full", "circle", "dense", "none")),
        )
    ),
    "u2f": Format((maybe("appid"), maybe("origin"))),
    "user-tag-access": Format(
        (
            maybe("user-allow", enum=("none", "list", "existing", "free")),
            maybe("user-allow-list", pattern=f"{TAG}(?:;{TAG})*"),
        )
    ),
    "webauthn": Format((flag("allow-subdomains"), maybe("id"), maybe("origin"), maybe("rp"))),
}
OPTIONS: list[Param] = [
    *(maybe(name, check=form.checker()) for name, form in PROPERTY_STRINGS.items()),
    maybe("consent-text", max_length=65536),
    maybe("console", enum=("applet", "vv", "html5", "xtermjs")),
    maybe("description", max_length=65536),
    maybe("email_from"),
    maybe("fencing", enum=("watchdog", "hardware", "both")),
    maybe("http_proxy", pattern="http://.*"),
    maybe("keyboard", enum=KEYBOARDS),
    maybe("language", enum=LANGUAGES),
    maybe("location"),
    maybe("mac_prefix"),
    maybe("max_workers", Type.INTEGER, minimum=1),
    flag("migration_unsecure"),
    maybe("registered-tags", pattern=f"(?:{TAG};)*{TAG}"),
]
