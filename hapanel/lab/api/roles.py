"""/access/roles: what roles hold."""

from hapanel.lab.api.routing import Call, Needs, api
from hapanel.lab.auth.privileges import ALL_PRIVILEGES, BUILT_IN_ROLES
from hapanel.lab.errors import bad_parameters, died
from hapanel.lab.formats import ROLE_ID
from hapanel.lab.schema import Param, Type, items_of, maybe

Row = dict[str, object]

MANAGE_ROLES = Needs("/access", ("Sys.Modify",))
ROLEID = Param("roleid", **ROLE_ID)


@api.on("GET", "/access/roles")
def roles(call: Call) -> object:
    """Built-in roles are `special`."""
    rows: list[Row] = []
    for name, held in call.world.accounts.roles.items():
        special = int(name in BUILT_IN_ROLES)
        rows.append({"roleid": name, "privs": ",".join(sorted(held)), "special": special})
    return call.shuffled(rows)


@api.on("GET", "/access/roles/{roleid}", params=[ROLEID])
def role(call: Call) -> object:
    """Privileges of one role."""
    held = call.world.accounts.roles.get(call.text("roleid"))
    if held is None:
        raise died(f"role '{call.text('roleid')}' does not exist")
    return dict.fromkeys(sorted(held), 1)


def _privileges(raw: str) -> frozenset[str]:
    names = items_of(raw)
    for name in names:
        if name not in ALL_PRIVILEGES:
            raise bad_parameters({"privs": f"invalid format - invalid privilege '{name}'\n"})
    return frozenset(names)


@api.on("POST", "/access/roles", needs=MANAGE_ROLES, params=[ROLEID, maybe("privs")])
async def role_create(call: Call) -> None:
    """Adds a role."""
    held, name = _privileges(call.text("privs")), call.text("roleid")
    if name.lower().startswith("pve"):
        reserved = "cannot use role ID starting with the (case-insensitive) 'PVE' namespace"
        raise bad_parameters({"roleid": reserved})
    await call.need_lock("file-user_cfg", "create role failed: ")
    if name in call.world.accounts.roles:
        raise died(f"create role failed: role '{name}' already exists")
    call.world.accounts.roles[name] = held


@api.on(
    "PUT",
    "/access/roles/{roleid}",
    needs=MANAGE_ROLES,
    params=[
        ROLEID,
        maybe("privs"),
        Param("append", Type.BOOLEAN, optional=True, requires="privs"),
    ],
)
async def role_change(call: Call) -> None:
    """Replaces or extends the privileges of a role."""
    held, name = _privileges(call.text("privs")), call.text("roleid")
    await _own_role(call, "modified", "update role failed: ")
    known = call.world.accounts.roles
    known[name] = known[name] | held if call.flag("append") else held


@api.on("DELETE", "/access/roles/{roleid}", needs=MANAGE_ROLES, params=[ROLEID])
async def role_delete(call: Call) -> None:
    """Removes a role; entries that name it give nothing any more."""
    await _own_role(call, "deleted", "delete role failed: ")
    del call.world.accounts.roles[call.text("roleid")]


async def _own_role(call: Call, verb: str, prefix: str) -> None:
    name = call.text("roleid")
    if name in BUILT_IN_ROLES:
        raise died(f"auto-generated role '{name}' cannot be {verb}")
    await call.need_lock("file-user_cfg", prefix)
    if name not in call.world.accounts.roles:
        raise died(f"{prefix}role '{name}' does not exist")
