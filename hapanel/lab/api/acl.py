"""/access/acl: who has which role where."""

from hapanel.lab.api.routing import Call, api
from hapanel.lab.auth.accounts import AclEntry
from hapanel.lab.errors import bad_parameters, died, forbidden
from hapanel.lab.formats import GROUP_ID, ROLE_ID, USER_ID
from hapanel.lab.schema import Param, flag, items_of, maybe

Row = dict[str, object]

ACL_ROOTS = ("access", "nodes", "pool", "sdn", "storage", "vms", "mapping")
USERS = {**USER_ID, "max_length": None, "many": True}


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
        Param("roles", **ROLE_ID, many=True),
        maybe("users", **USERS),
        maybe("tokens"),
        maybe("groups", **GROUP_ID, many=True),
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
    ugids = [_known(call, kind, name) for kind in KNOWN for name in items_of(call.text(kind))]
    for role in items_of(call.text("roles")):
        if role not in accounts.roles:
            raise died(f"ACL update failed: role '{role}' does not exist")
        for ugid in ugids:
            if call.flag("delete"):
                accounts.revoke(path, ugid, role)
            else:
                accounts.grant(path, ugid, role, propagate=call.flag("propagate"))


KNOWN = {"groups": "group", "users": "user", "tokens": "token"}


def _known(call: Call, kind: str, name: str) -> str:
    accounts, (user, _, token) = call.world.accounts, name.partition("!")
    exists = name in (accounts.groups if kind == "groups" else accounts.users)
    if kind == "tokens":
        exists = user in accounts.users and token in accounts.users[user].tokens
    if not exists and not call.flag("delete"):
        raise died(f"ACL update failed: {KNOWN[kind]} '{name}' does not exist")
    return name
