"""/access: tickets, permissions, realms."""

import hashlib
import hmac
from collections.abc import Iterable

from hapanel.lab.api.routing import Call, Needs, api
from hapanel.lab.auth.accounts import Principal
from hapanel.lab.auth.privileges import CAPABILITIES
from hapanel.lab.errors import ApiError, died, forbidden
from hapanel.lab.schema import Param, flag, items_of, maybe

Row = dict[str, object]

REALMS = (
    ("pam", "Linux PAM standard authentication"),
    ("pve", "Proxmox VE authentication server"),
)
BASE_PATHS = ("/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms")


@api.on("GET", "/access")
def access_index(_call: Call) -> object:
    """Names of what there is below."""
    names = ("users", "groups", "roles", "acl", "domains", "openid", "tfa", "ticket", "password")
    return [{"subdir": name} for name in names]


@api.on("GET", "/access/ticket", anonymous=True)
def ticket_page(_call: Call) -> None:
    """A dummy for sign-in pages."""


@api.on(
    "POST",
    "/access/ticket",
    anonymous=True,
    params=[
        Param("username", max_length=64),
        Param("password"),
        maybe("realm", max_length=32),
        maybe("otp"),
        maybe("path", max_length=64, requires="privs"),
        maybe("privs", max_length=64, requires="path"),
        maybe("tfa-challenge"),
        flag("new-format", default=True),
    ],
    allow_token=False,
)
def ticket(call: Call) -> object:
    """Signs in by password, or renews by an old ticket. Raises 401 (delayed by the server)."""
    user = call.text("username")
    if "@" not in user:
        user = f"{user}@{call.text('realm', 'pam')}"
    accounts, now = call.world.accounts, call.world.now()
    if not _knows_password(call, user) or not accounts.is_active(Principal(user), now):
        raise ApiError(401, "authentication failure")
    if call.has("privs") and not _has_all(call, Principal(user)):
        raise ApiError(401, "authentication failure")
    text, csrf = call.cluster.tickets.issue(user, now)
    call.world.log.write(call.node, "root@pam", f"successful auth for user '{user}'")
    answer = {
        "username": user,
        "ticket": text,
        "CSRFPreventionToken": csrf,
        "cap": _capabilities(call, Principal(user)),
    }
    if call.world.has_corosync and accounts.may(Principal(user), "/", "Sys.Audit"):
        answer["clustername"] = call.world.cluster_name
    return answer


def _knows_password(call: Call, user: str) -> bool:
    password = call.text("password")
    if password.startswith("PVE:"):
        return call.cluster.tickets.user_of(password, call.world.now()) == user
    known = call.world.accounts.users.get(user)
    secret = known.password if known else None
    return secret is not None and hmac.compare_digest(secret.encode(), password.encode())


def _has_all(call: Call, principal: Principal) -> bool:
    held = call.world.accounts.privileges(principal, call.text("path", "/"))
    return all(name in held for name in items_of(call.text("privs")))


def _capabilities(call: Call, principal: Principal) -> Row:
    caps: Row = {}
    for group, (path, wanted) in CAPABILITIES.items():
        held = call.world.accounts.privileges(principal, path)
        caps[group] = {name: 1 for name in held if name.startswith(wanted)}
    return caps


@api.on("GET", "/access/permissions", params=[maybe("path"), maybe("userid")])
def permissions(call: Call) -> object:
    """Privileges per path with their propagate flag; of others only with Sys.Audit on /access."""
    principal = _asked_for(call)
    accounts = call.world.accounts
    if call.has("path"):
        paths: Iterable[str] = [call.text("path")]
    else:
        paths = sorted({*BASE_PATHS, *accounts.acl_paths()})
    found = {path: accounts.privileges(principal, path) for path in paths}
    return {path: held for path, held in found.items() if held}


def _asked_for(call: Call) -> Principal:
    if not call.has("userid"):
        return call.principal
    user, _, token = call.text("userid").partition("!")
    own = user == call.principal.user and (call.principal.token in (None, token or None))
    if not own and not call.may("/access", "Sys.Audit"):
        raise forbidden("/access", "Sys.Audit")
    return Principal(user, token or None)


@api.on("GET", "/access/domains", anonymous=True)
def domains(call: Call) -> object:
    """Realms to choose from before signing in."""
    return call.shuffled([{"realm": r, "type": r, "comment": text} for r, text in REALMS])


@api.on(
    "GET",
    "/access/domains/{realm}",
    needs=Needs("/access/realm", ("Realm.Allocate", "Sys.Audit"), any_of=True),
)
def domain(call: Call) -> object:
    """One realm."""
    known, realm = dict(REALMS), call.text("realm")
    if realm not in known:
        raise died(f"domain '{realm}' does not exist")
    digest = hashlib.sha1(str(REALMS).encode(), usedforsecurity=False).hexdigest()
    return {"type": realm, "comment": known[realm], "digest": digest}
