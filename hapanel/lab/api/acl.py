"""/access/acl: who has which role where."""

from hapanel.lab.api.routing import Call, api
from hapanel.lab.auth.accounts import AclEntry
from hapanel.lab.auth.privileges import NO_ACCESS
from hapanel.lab.errors import bad_parameters, died, forbidden
from hapanel.lab.formats import GROUP_ID, ROLE_ID, USER_ID
from hapanel.lab.schema import Param, flag, items_of, maybe

Row = dict[str, object]

MODIFY = "Permissions.Modify"
# What else allows to hand out one's own rights, below these paths (RPCEnvironment.pm).
ALLOCATES = {"/pool/": "Pool.Allocate", "/storage/": "Datastore.Allocate", "/vms/": "VM.Allocate"}
ACL_ROOTS = ("access", "nodes", "pool", "sdn", "storage", "vms", "mapping")
USERS = {**USER_ID, "max_length": None, "many": True}


@api.on("GET", "/access/acl")
def acl(call: Call) -> object:
    """Entries on paths whose permissions the caller may modify; an auditor sees all."""
    sees_all = call.may("/access", "Sys.Audit")
    rows = [
        _acl_row(entry)
        for entry in call.world.accounts.acl.values()
        if sees_all or _may_modify(call, entry.path)
    ]
    return call.shuffled(rows)


def _may_modify(call: Call, path: str) -> bool:
    others = (name for below, name in ALLOCATES.items() if path.startswith(below))
    return call.may(path, MODIFY, *others)


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
    """Gives or takes roles; without Permissions.Modify at most what one holds oneself."""
    path = "/" + call.text("path").strip("/")
    if not _may_modify(call, path):
        raise forbidden(path, MODIFY)
    if path != "/" and path.split("/")[1] not in ACL_ROOTS:
        raise bad_parameters({"path": f"invalid ACL path '{path}'"})
    await call.need_lock("file-user_cfg", "ACL update failed: ")
    accounts = call.world.accounts
    ugids = [_known(call, kind, name) for kind in KNOWN for name in items_of(call.text(kind))]
    for role in items_of(call.text("roles")):
        if role not in accounts.roles:
            raise died(f"ACL update failed: role '{role}' does not exist")
        _need_superset(call, path, role)
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


def _need_superset(call: Call, path: str, role: str) -> None:
    held = call.world.accounts.privileges(call.principal, path)
    if MODIFY in held:
        return
    wanted, deletes = call.world.accounts.roles[role], call.flag("delete")
    cannot = f"Cannot {'remove' if deletes else 'add'} role '{role}'"
    if wanted - set(held):
        refusal = f"{cannot} - requires '{MODIFY}' or superset of privileges."
        raise bad_parameters({"role": refusal})
    if call.flag("propagate") and not deletes and any(not held[name] for name in wanted):
        refusal = f"{cannot} with propagation - requires '{MODIFY}' or propagated superset of"
        raise bad_parameters({"role": f"{refusal} privileges."})
    if role == NO_ACCESS:
        raise bad_parameters({"role": f"{cannot} - requires '{MODIFY}'"})
