"""/access/users: users. Their tokens are in tokens.py, groups in groups.py."""

from hapanel.lab.api.routing import Call, api
from hapanel.lab.api.tokens import token_info
from hapanel.lab.auth.accounts import Accounts, User
from hapanel.lab.errors import died, forbidden
from hapanel.lab.formats import GROUP_ID, USER_ID
from hapanel.lab.schema import Param, Type, flag, items_of, maybe

Row = dict[str, object]

USERID = Param("userid", **USER_ID)
REALMS = ("pam", "pve")
ABOUT = ("comment", "email", "firstname", "keys", "lastname")
PROPERTIES = [
    *(maybe(name) for name in ABOUT),
    flag("enable", default=None),
    maybe("expire", Type.INTEGER, minimum=0),
    maybe("groups", **GROUP_ID, many=True),
]
READ = ("User.Modify", "Sys.Audit")


@api.on("GET", "/access/users", params=[flag("enabled"), flag("full")])
def users(call: Call) -> object:
    """All users for those who may see them, else oneself."""
    sees_all = call.may("/access/groups", *READ)
    rows = [
        _row(call.world.accounts, user, full=call.flag("full"))
        for user in call.world.accounts.users.values()
        if (sees_all or user.userid == call.principal.auth_id)
        and (not call.has("enabled") or user.enabled == call.flag("enabled"))
    ]
    return call.shuffled(rows)


def _row(accounts: Accounts, user: User, *, full: bool) -> Row:
    row: Row = {"userid": user.userid, **_properties(user)}
    if user.realm in REALMS:
        row["realm-type"] = user.realm
    if full:
        row["groups"] = ",".join(accounts.groups_of(user.userid))
    if full and user.tokens:
        row["tokens"] = [{"tokenid": n, **token_info(t)} for n, t in sorted(user.tokens.items())]
    return row


def _properties(user: User) -> Row:
    row: Row = {"enable": int(user.enabled), **user.about}
    if user.expire or user.userid != "root@pam":
        row["expire"] = user.expire
    return row


@api.on("GET", "/access/users/{userid}", params=[USERID])
def user_read(call: Call) -> object:
    """One user; unlike the list its groups are a list and its tokens an object."""
    if not call.may("/access/groups", *READ):
        raise forbidden("/access/groups", "|".join(READ))
    user = known_user(call)
    row = {**_properties(user), "groups": call.world.accounts.groups_of(user.userid)}
    if user.tokens:
        row["tokens"] = {name: token_info(token) for name, token in user.tokens.items()}
    return row


def may_modify_users(call: Call) -> None:
    """Raises 403 for those who may not."""
    if not call.may("/access/groups", "User.Modify"):
        raise forbidden("/access/groups", "User.Modify")


@api.on(
    "POST",
    "/access/users",
    params=[USERID, maybe("password", min_length=8, max_length=64), *PROPERTIES],
)
async def user_create(call: Call) -> None:
    """Adds a user."""
    may_modify_users(call)
    await call.need_lock("file-user_cfg", "create user failed: ")
    accounts, userid = call.world.accounts, call.text("userid")
    if userid in accounts.users:
        raise died(f"create user failed: user '{userid}' already exists")
    user = User(userid, call.text("password") or None)
    if user.password is not None and user.realm not in REALMS:
        raise died(f"create user failed: auth domain '{user.realm}' does not exist")
    _join(call, user, "create user failed: ")
    _change(call, user)
    accounts.users[userid] = user


@api.on(
    "PUT",
    "/access/users/{userid}",
    params=[USERID, Param("append", Type.BOOLEAN, optional=True, requires="groups"), *PROPERTIES],
)
async def user_change(call: Call) -> None:
    """Enables, disables, describes, ends a user."""
    may_modify_users(call)
    await call.need_lock("file-user_cfg", "update user failed: ")
    user = known_user(call, "update user failed: ")
    if call.has("groups"):
        _join(call, user, "update user failed: ")
    _change(call, user)


def _join(call: Call, user: User, prefix: str) -> None:
    groups = call.world.accounts.groups
    wanted = items_of(call.text("groups"))
    for name in wanted:
        if name not in groups:
            raise died(f"{prefix}no such group '{name}'")
    for name, group in groups.items():
        if name in wanted:
            group.members.add(user.userid)
        elif not call.flag("append"):
            group.members.discard(user.userid)


def _change(call: Call, user: User) -> None:
    if call.has("enable"):
        user.enabled = call.flag("enable")
    if call.has("expire"):
        user.expire = call.number("expire")
    user.about |= {name: call.text(name) for name in ABOUT if call.has(name)}


@api.on("DELETE", "/access/users/{userid}", params=[USERID])
async def user_delete(call: Call) -> None:
    """Removes a user, his tokens and their entries."""
    may_modify_users(call)
    await call.need_lock("file-user_cfg", "delete user failed: ")
    accounts, userid = call.world.accounts, known_user(call, "delete user failed: ").userid
    del accounts.users[userid]
    accounts.forget(userid)
    for group in accounts.groups.values():
        group.members.discard(userid)


def known_user(call: Call, prefix: str = "") -> User:
    """The user named by the path. Raises 500 for a stranger."""
    user = call.world.accounts.users.get(call.text("userid"))
    if user is None:
        raise died(f"{prefix}no such user ('{call.text('userid')}')")
    return user


@api.on(
    "PUT",
    "/access/password",
    allow_token=False,
    params=[
        USERID,
        Param("password", min_length=8, max_length=64),
        maybe("confirmation-password", min_length=5, max_length=64),
    ],
)
async def password_change(call: Call) -> None:
    """A new password, of oneself or by those who may modify users."""
    if call.principal.user != call.text("userid"):
        may_modify_users(call)
    user = known_user(call)
    if user.userid == "root@pam" and not call.principal.is_root_itself:
        raise forbidden("/", "only root can change root password")
    user.password = call.text("password")
