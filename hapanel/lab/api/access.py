"""/access: tickets, permissions, users, tokens, roles, ACLs."""

import hmac
import re
from collections.abc import Iterable

from hapanel.lab.api.routing import Call, Needs, api
from hapanel.lab.auth.accounts import AclEntry, Principal, Token, User
from hapanel.lab.auth.privileges import ALL_PRIVILEGES, BUILT_IN_ROLES, CAPABILITIES
from hapanel.lab.errors import ApiError, bad_parameters, died, forbidden
from hapanel.lab.schema import Param, Type, flag, maybe

Row = dict[str, object]

USERID = Param(
    "userid",
    max_length=64,
    pattern=r"[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+",
    invalid="value does not look like a valid user name",
)
REALMS = (
    ("pam", "Linux PAM standard authentication"),
    ("pve", "Proxmox VE authentication server"),
)
BASE_PATHS = ("/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms")
ACL_ROOTS = ("access", "nodes", "pool", "sdn", "storage", "vms", "mapping")
MANAGE_ROLES = Needs("/access", ("Sys.Modify",))
SEPARATOR = re.compile(r"[,;\s\0]+")


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
        maybe("path", max_length=64),
        maybe("privs", max_length=64),
        maybe("tfa-challenge"),
        flag("new-format"),
    ],
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
    if accounts.may(Principal(user), "/", "Sys.Audit"):
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
    return all(name in held for name in SEPARATOR.split(call.text("privs")))


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


@api.on("GET", "/access/groups")
def groups(_call: Call) -> object:
    """There are none."""
    return []


@api.on("GET", "/access/users", params=[flag("enabled"), flag("full")])
def users(call: Call) -> object:
    """All users for those who may modify them, else oneself."""
    sees_all = call.may("/access/groups", "User.Modify", "Sys.Audit")
    rows = [
        _user_row(user, full=call.flag("full"))
        for user in call.world.accounts.users.values()
        if (sees_all or (user.userid == call.principal.user and call.principal.token is None))
        and (not call.flag("enabled") or user.enabled)
    ]
    return call.shuffled(rows)


def _user_row(user: User, *, full: bool) -> Row:
    row: Row = {"userid": user.userid, "realm-type": user.realm, "enable": int(user.enabled)}
    if user.expire or user.userid != "root@pam":
        row["expire"] = user.expire
    if user.comment is not None:
        row["comment"] = user.comment
    if full:
        row |= {"groups": "", "tokens": [_token_row(token) for token in user.tokens.values()]}
    return row


def _may_modify_users(call: Call) -> None:
    if not call.may("/access/groups", "User.Modify"):
        raise forbidden("/access/groups", "User.Modify")


@api.on(
    "POST",
    "/access/users",
    params=[
        USERID,
        maybe("password", min_length=8, max_length=64),
        maybe("comment", max_length=2048),
        flag("enable", default=True),
        maybe("expire", Type.INTEGER, minimum=0),
        maybe("email"),
        maybe("firstname"),
        maybe("lastname"),
        maybe("groups"),
    ],
)
async def user_create(call: Call) -> None:
    """Adds a user."""
    _may_modify_users(call)
    await call.need_lock("file-user_cfg", "create user failed: ")
    userid = call.text("userid")
    if userid in call.world.accounts.users:
        raise died(f"create user failed: user '{userid}' already exists")
    call.world.accounts.users[userid] = User(
        userid,
        call.text("password") or None,
        call.flag("enable"),
        call.number("expire"),
        call.text("comment") or None,
    )


@api.on(
    "PUT",
    "/access/users/{userid}",
    params=[
        flag("enable"),
        maybe("expire", Type.INTEGER, minimum=0),
        maybe("comment", max_length=2048),
    ],
)
async def user_change(call: Call) -> None:
    """Enables, disables, ends a user."""
    _may_modify_users(call)
    await call.need_lock("file-user_cfg", "update user failed: ")
    user = _user(call)
    if call.has("enable"):
        user.enabled = call.flag("enable")
    if call.has("expire"):
        user.expire = call.number("expire")
    if call.has("comment"):
        user.comment = call.text("comment")


@api.on("DELETE", "/access/users/{userid}")
async def user_delete(call: Call) -> None:
    """Removes a user, his tokens and their entries."""
    _may_modify_users(call)
    await call.need_lock("file-user_cfg", "delete user failed: ")
    accounts, userid = call.world.accounts, _user(call).userid
    del accounts.users[userid]
    for entry in list(accounts.acl.values()):
        if entry.ugid == userid or entry.ugid.startswith(f"{userid}!"):
            accounts.revoke(entry.path, entry.ugid, entry.role)


def _user(call: Call) -> User:
    user = call.world.accounts.users.get(call.text("userid"))
    if user is None:
        raise died(f"no such user ('{call.text('userid')}')")
    return user


def _may_handle_tokens(call: Call) -> None:
    is_self = call.principal.token is None and call.principal.user == call.text("userid")
    if not is_self:
        _may_modify_users(call)


@api.on("GET", "/access/users/{userid}/token")
def tokens(call: Call) -> object:
    """Tokens of a user, never their secrets."""
    _may_handle_tokens(call)
    return call.shuffled([_token_row(token) for token in _user(call).tokens.values()])


@api.on("GET", "/access/users/{userid}/token/{tokenid}")
def token(call: Call) -> object:
    """One token."""
    _may_handle_tokens(call)
    found = _user(call).tokens.get(call.text("tokenid"))
    if found is None:
        raise died(f"no such token '{call.text('tokenid')}' for user '{call.text('userid')}'")
    row = _token_row(found)
    del row["tokenid"]
    return row


def _token_row(found: Token) -> Row:
    row: Row = {"tokenid": found.name, "privsep": int(found.privsep), "expire": found.expire}
    if found.comment is not None:
        row["comment"] = found.comment
    return row


@api.on(
    "POST",
    "/access/users/{userid}/token/{tokenid}",
    params=[
        flag("privsep", default=True),
        maybe("comment"),
        maybe("expire", Type.INTEGER, minimum=0),
    ],
)
async def token_create(call: Call) -> object:
    """Makes a token; its secret is shown here and never again."""
    _may_handle_tokens(call)
    await call.need_lock("file-user_cfg")
    user, name = _user(call), call.text("tokenid")
    if name in user.tokens:
        raise bad_parameters({"tokenid": "Token already exists."})
    made = call.world.accounts.add_token(user.userid, name, privsep=call.flag("privsep"))
    made.expire, made.comment = call.number("expire"), call.text("comment") or None
    info: Row = {"privsep": str(int(made.privsep))}
    if call.has("expire"):
        info["expire"] = str(made.expire)
    if made.comment is not None:
        info["comment"] = made.comment
    return {"full-tokenid": f"{user.userid}!{name}", "info": info, "value": made.secret}


@api.on("DELETE", "/access/users/{userid}/token/{tokenid}")
async def token_delete(call: Call) -> None:
    """Revokes a token."""
    _may_handle_tokens(call)
    await call.need_lock("file-user_cfg")
    if _user(call).tokens.pop(call.text("tokenid"), None) is None:
        raise died(f"no such token '{call.text('tokenid')}' for user '{call.text('userid')}'")


@api.on("GET", "/access/roles")
def roles(call: Call) -> object:
    """Built-in roles are `special`."""
    rows: list[Row] = []
    for name, held in call.world.accounts.roles.items():
        special = int(name in BUILT_IN_ROLES)
        rows.append({"roleid": name, "privs": ",".join(sorted(held)), "special": special})
    return call.shuffled(rows)


@api.on("GET", "/access/roles/{roleid}")
def role(call: Call) -> object:
    """Privileges of one role."""
    held = call.world.accounts.roles.get(call.text("roleid"))
    if held is None:
        raise died(f"role '{call.text('roleid')}' does not exist")
    return dict.fromkeys(sorted(held), 1)


def _privileges(raw: str) -> frozenset[str]:
    names = [name for name in SEPARATOR.split(raw) if name]
    for name in names:
        if name not in ALL_PRIVILEGES:
            raise bad_parameters({"privs": f"invalid format - invalid privilege '{name}'\n"})
    return frozenset(names)


@api.on("POST", "/access/roles", needs=MANAGE_ROLES, params=[Param("roleid"), maybe("privs")])
async def role_create(call: Call) -> None:
    """Adds a role."""
    held = _privileges(call.text("privs"))
    await call.need_lock("file-user_cfg", "create role failed: ")
    if call.text("roleid") in call.world.accounts.roles:
        raise died(f"create role failed: role '{call.text('roleid')}' already exists")
    call.world.accounts.roles[call.text("roleid")] = held


@api.on(
    "PUT",
    "/access/roles/{roleid}",
    needs=MANAGE_ROLES,
    params=[maybe("privs"), flag("append")],
)
async def role_change(call: Call) -> None:
    """Replaces or extends the privileges of a role."""
    held = _privileges(call.text("privs"))
    await call.need_lock("file-user_cfg", "update role failed: ")
    known, name = call.world.accounts.roles, call.text("roleid")
    if name not in known:
        raise died(f"update role failed: role '{name}' does not exist")
    known[name] = known[name] | held if call.flag("append") else held


@api.on("GET", "/access/acl")
def acl(call: Call) -> object:
    """Entries on paths whose permissions the caller may modify; an auditor sees all."""
    sees_all = call.may("/access", "Sys.Audit")
    rows = [
        _acl_row(entry)
        for entry in call.world.accounts.acl.values()
        if sees_all or call.may(entry.path, "Permissions.Modify")
    ]
    return call.shuffled(rows)


def _acl_row(entry: AclEntry) -> Row:
    return {
        "path": entry.path,
        "ugid": entry.ugid,
        "type": entry.type,
        "roleid": entry.role,
        "propagate": int(entry.propagate),
    }


@api.on(
    "PUT",
    "/access/acl",
    params=[
        Param("path"),
        Param("roles"),
        maybe("users"),
        maybe("tokens"),
        maybe("groups"),
        flag("propagate", default=True),
        flag("delete"),
    ],
)
async def acl_change(call: Call) -> None:
    """Gives or takes roles; needs Permissions.Modify on the path."""
    path = "/" + call.text("path").strip("/")
    if not call.may(path, "Permissions.Modify"):
        raise forbidden(path, "Permissions.Modify")
    if path != "/" and path.split("/")[1] not in ACL_ROOTS:
        raise bad_parameters({"path": f"invalid ACL path '{path}'"})
    await call.need_lock("file-user_cfg", "ACL update failed: ")
    accounts = call.world.accounts
    ids = SEPARATOR.split(call.text("users")) + SEPARATOR.split(call.text("tokens"))
    for name in SEPARATOR.split(call.text("roles")):
        if name not in accounts.roles:
            raise died(f"ACL update failed: role '{name}' does not exist")
        for ugid in filter(None, ids):
            _need_known(call, ugid)
            if call.flag("delete"):
                accounts.revoke(path, ugid, name)
            else:
                accounts.grant(path, ugid, name, propagate=call.flag("propagate"))


def _need_known(call: Call, ugid: str) -> None:
    user, _, name = ugid.partition("!")
    known = call.world.accounts.users.get(user)
    if known is None:
        raise died(f"ACL update failed: user '{user}' does not exist")
    if name and name not in known.tokens:
        raise died(f"ACL update failed: token '{ugid}' does not exist")
