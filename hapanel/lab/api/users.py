"""/access/users: users and their tokens."""

from hapanel.lab.api.routing import Call, api
from hapanel.lab.auth.accounts import Token, User
from hapanel.lab.errors import bad_parameters, died, forbidden
from hapanel.lab.schema import Param, Type, flag, maybe

Row = dict[str, object]

USERID = Param(
    "userid",
    max_length=64,
    pattern=r"[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+",
    invalid="value does not look like a valid user name",
)


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
