"""`ctl token ...`: what may happen to an API token while somebody uses it."""

from hapanel.lab.words import Refused
from hapanel.lab.world import World

USAGE = "token revoke|make|expire|grant|take|privileges USER@REALM!NAME ..."
LONG_AGO = 1


def change_token(world: World, args: list[str]) -> dict[str, object]:
    """Do what the words say; what there is to tell about it. Raises Refused.

    revoke ID; make ID; expire ID; grant ID ROLE [PATH]; take ID ROLE [PATH]; privileges ID A,B,...
    """
    if len(args) < 2 or "!" not in args[1]:
        raise Refused(USAGE)
    accounts, ugid = world.accounts, args[1]
    user, _, name = ugid.partition("!")
    if user not in accounts.users:
        raise Refused(f"no user {user}")
    path = args[3] if len(args) > 3 else "/"
    match args[0], args[2:]:
        case "revoke", _:
            accounts.users[user].tokens.pop(name, None)
        case "make", _:
            return {"secret": accounts.add_token(user, name, privsep=True).secret}
        case "expire", [*when]:
            _expire(world, user, name, when)
        case "grant", [role, *_]:
            accounts.grant(path, ugid, role)
        case "take", [role, *_]:
            accounts.revoke(path, ugid, role)
        case "privileges", [privileges, *_]:
            _only(world, ugid, privileges)
        case _:
            raise Refused(USAGE)
    return {}


def _expire(world: World, user: str, name: str, when: list[str]) -> None:
    """Its time is over; `never` gives it all the time again."""
    token = world.accounts.users[user].tokens.get(name)
    if token is None:
        raise Refused(f"no token {user}!{name}")
    token.expire = 0 if when == ["never"] else LONG_AGO


def _only(world: World, ugid: str, privileges: str) -> None:
    """The token holds exactly these privileges on `/` from now on."""
    accounts = world.accounts
    for entry in list(accounts.acl.values()):
        if entry.ugid == ugid:
            accounts.revoke(entry.path, entry.ugid, entry.role)
    role = f"Lab-{ugid.partition('!')[2]}"
    accounts.roles[role] = frozenset(filter(None, privileges.split(",")))
    accounts.grant("/", ugid, role)
