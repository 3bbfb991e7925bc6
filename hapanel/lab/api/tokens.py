"""/access/users/{userid}/token: API tokens. A secret is shown when it is made and never again."""

from hapanel.lab.api.routing import Call, api
from hapanel.lab.auth.accounts import Token, User
from hapanel.lab.errors import bad_parameters, died, forbidden
from hapanel.lab.formats import TOKEN_NAME, USER_ID
from hapanel.lab.schema import Param, Type, flag, items_of, maybe

Row = dict[str, object]

USERID = Param("userid", **USER_ID)
TOKENID = Param("tokenid", **TOKEN_NAME)
INFO = [maybe("comment"), maybe("expire", Type.INTEGER, minimum=0)]


def _may_handle(call: Call) -> None:
    is_self = call.principal.token is None and call.principal.user == call.text("userid")
    if not is_self and not call.may("/access/groups", "User.Modify"):
        raise forbidden("/access/groups", "User.Modify")


def _user(call: Call) -> User:
    user = call.world.accounts.users.get(call.text("userid"))
    if user is None:
        raise died(f"no such user ('{call.text('userid')}')")
    return user


def _token(call: Call) -> Token:
    found = _user(call).tokens.get(call.text("tokenid"))
    if found is None:
        raise died(f"no such token '{call.text('tokenid')}' for user '{call.text('userid')}'")
    return found


def token_info(token: Token) -> Row:
    """What is told of a token."""
    row: Row = {"privsep": int(token.privsep), "expire": token.expire}
    return row if token.comment is None else {**row, "comment": token.comment}


@api.on("GET", "/access/users/{userid}/token", params=[USERID])
def tokens(call: Call) -> object:
    """Tokens of a user."""
    _may_handle(call)
    found = _user(call).tokens
    return call.shuffled([{"tokenid": name, **token_info(t)} for name, t in found.items()])


@api.on("GET", "/access/users/{userid}/token/{tokenid}", params=[USERID, TOKENID])
def token_read(call: Call) -> object:
    """One token."""
    _may_handle(call)
    return token_info(_token(call))


@api.on(
    "POST",
    "/access/users/{userid}/token/{tokenid}",
    params=[USERID, TOKENID, flag("privsep", default=True), *INFO],
)
async def token_create(call: Call) -> object:
    """Makes a token; numbers of `info` are strings here."""
    _may_handle(call)
    await call.need_lock("file-user_cfg", "generating token failed: ")
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


@api.on(
    "PUT",
    "/access/users/{userid}/token/{tokenid}",
    params=[
        USERID, TOKENID, flag("privsep"), *INFO, maybe("delete"), flag("regenerate", default=False),
    ],
)  # fmt: skip
async def token_change(call: Call) -> object:
    """Changes what is told of a token; with `regenerate` its secret too."""
    _may_handle(call)
    for name in items_of(call.text("delete")):
        if name not in ("comment", "expire", "privsep"):
            raise bad_parameters({"delete": f"unknown option '{name}'"})
    await call.need_lock("file-user_cfg", "updating token info failed: ")
    token, deleted = _token(call), items_of(call.text("delete"))
    if call.has("privsep") or "privsep" in deleted:
        token.privsep = call.flag("privsep") or "privsep" in deleted
    if call.has("expire") or "expire" in deleted:
        token.expire = call.number("expire")
    if call.has("comment") or "comment" in deleted:
        token.comment = call.text("comment") or None
    if not call.flag("regenerate"):
        return token_info(token)
    token.renew_secret()
    full = f"{call.text('userid')}!{token.name}"
    return {**token_info(token), "full-tokenid": full, "value": token.secret}


@api.on("DELETE", "/access/users/{userid}/token/{tokenid}", params=[USERID, TOKENID])
async def token_delete(call: Call) -> None:
    """Revokes a token and its entries."""
    _may_handle(call)
    await call.need_lock("file-user_cfg", "deleting token failed: ")
    user, name = _user(call), _token(call).name
    del user.tokens[name]
    call.world.accounts.forget(f"{user.userid}!{name}")
