"""/access/groups: groups of users, to whom roles are given like to users."""

from hapanel.lab.api.routing import Call, Needs, api
from hapanel.lab.auth.accounts import Group
from hapanel.lab.errors import died
from hapanel.lab.formats import GROUP_ID
from hapanel.lab.schema import Param, maybe

Row = dict[str, object]

GROUPID = Param("groupid", **GROUP_ID)
MANAGE = Needs("/access/groups", ("Group.Allocate",))
READ = Needs("/access/groups", ("Sys.Audit", "Group.Allocate"), any_of=True)


@api.on("GET", "/access/groups")
def groups(call: Call) -> object:
    """Those the caller may see, members joined by commas."""
    return call.shuffled(
        [
            {"groupid": name, **_comment(group), "users": ",".join(sorted(group.members))}
            for name, group in call.world.accounts.groups.items()
            if call.may(f"/access/groups/{name}", "User.Modify", "Sys.Audit", "Group.Allocate")
        ]
    )


def _comment(group: Group) -> Row:
    return {} if group.comment is None else {"comment": group.comment}


@api.on("GET", "/access/groups/{groupid}", needs=READ, params=[GROUPID])
def group_read(call: Call) -> object:
    """One group, members as a list."""
    group = _group(call)
    return {**_comment(group), "members": sorted(group.members)}


def _group(call: Call, prefix: str = "") -> Group:
    group = call.world.accounts.groups.get(call.text("groupid"))
    if group is None:
        raise died(f"{prefix}group '{call.text('groupid')}' does not exist")
    return group


@api.on("POST", "/access/groups", needs=MANAGE, params=[GROUPID, maybe("comment")])
async def group_create(call: Call) -> None:
    """Adds an empty group."""
    await call.need_lock("file-user_cfg", "create group failed: ")
    known, name = call.world.accounts.groups, call.text("groupid")
    if name in known:
        raise died(f"create group failed: group '{name}' already exists")
    known[name] = Group(name, call.text("comment") or None)


@api.on("PUT", "/access/groups/{groupid}", needs=MANAGE, params=[GROUPID, maybe("comment")])
async def group_change(call: Call) -> None:
    """Describes a group; users join by a change of the user."""
    await call.need_lock("file-user_cfg", "update group failed: ")
    group = _group(call, "update group failed: ")
    if call.has("comment"):
        group.comment = call.text("comment")


@api.on("DELETE", "/access/groups/{groupid}", needs=MANAGE, params=[GROUPID])
async def group_delete(call: Call) -> None:
    """Removes a group and its entries."""
    await call.need_lock("file-user_cfg", "delete group failed: ")
    name = _group(call, "delete group failed: ").name
    del call.world.accounts.groups[name]
    call.world.accounts.forget(name)
