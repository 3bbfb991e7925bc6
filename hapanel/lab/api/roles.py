"""/access/roles and /access/acl: what roles hold, and who has them where."""

import re

from hapanel.lab.api.routing import Call, Needs, api
from hapanel.lab.auth.accounts import AclEntry
from hapanel.lab.auth.privileges import ALL_PRIVILEGES, BUILT_IN_ROLES
from hapanel.lab.errors import bad_parameters, died, forbidden
from hapanel.lab.schema import Param, flag, maybe

Row = dict[str, object]

ACL_ROOTS = ("access", "nodes", "pool", "sdn", "storage", "vms", "mapping")
MANAGE_ROLES = Needs("/access", ("Sys.Modify",))
SEPARATOR = re.compile(r"[,;\s\0]+")


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
