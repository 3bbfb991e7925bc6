"""Users, tokens, roles and access control lists, judged as pve-access-control judges them."""

import secrets
import uuid
from dataclasses import dataclass, field

from hapanel.lab.auth.privileges import ALL_PRIVILEGES, BUILT_IN_ROLES, NO_ACCESS

ROOT = "root@pam"

Privileges = dict[str, int]
"""Privilege -> 1 when it propagates to deeper paths, else 0."""


@dataclass
class Token:
    """An API token of a user."""

    name: str
    secret: str
    privsep: bool = True
    comment: str | None = None
    expire: int = 0

    def renew_secret(self) -> None:
        """The old secret is worth nothing any more."""
        self.secret = _fresh_secret()


@dataclass
class User:
    """A user; `expire` is an epoch, 0 is never. `about` holds comment, email and names."""

    userid: str
    password: str | None = None
    enabled: bool = True
    expire: int = 0
    about: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)

    @property
    def realm(self) -> str:
        """`pam` or `pve`."""
        return self.userid.rpartition("@")[2]


@dataclass
class Group:
    """A group of users."""

    name: str
    comment: str | None = None
    members: set[str] = field(default_factory=set)


@dataclass
class Pool:
    """Guests and storages under one name; who may something on the pool may it on them."""

    name: str
    comment: str | None = None
    vms: set[int] = field(default_factory=set)
    storages: set[str] = field(default_factory=set)

    @property
    def paths(self) -> set[str]:
        """The paths of its members."""
        guests = {f"/vms/{vmid}" for vmid in self.vms}
        return guests | {f"/storage/{name}" for name in self.storages}


@dataclass(frozen=True)
class AclEntry:
    """`ugid` (a user, a full token id or a group) has `role` on `path`."""

    path: str
    ugid: str
    role: str
    propagate: bool = True

    @property
    def type(self) -> str:
        """`token`, `user` or `group`."""
        if "!" in self.ugid:
            return "token"
        return "user" if "@" in self.ugid else "group"


@dataclass(frozen=True)
class Principal:
    """Who asks: a user by ticket, or one of his tokens."""

    user: str
    token: str | None = None

    @property
    def auth_id(self) -> str:
        """`user@realm` or `user@realm!token`."""
        return f"{self.user}!{self.token}" if self.token else self.user

    @property
    def is_root_itself(self) -> bool:
        """root@pam by ticket; a token of root@pam is not."""
        return self.token is None and self.user == ROOT


class Accounts:
    """user.cfg and what may be asked of it."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {ROOT: User(ROOT, secrets.token_urlsafe(12))}
        self.groups: dict[str, Group] = {}
        self.pools: dict[str, Pool] = {}
        self.roles: dict[str, frozenset[str]] = dict(BUILT_IN_ROLES)
        self.acl: dict[tuple[str, str, str], AclEntry] = {}

    def add_token(self, userid: str, name: str, *, privsep: bool) -> Token:
        """Makes a token and its secret."""
        token = Token(name, _fresh_secret(), privsep)
        self.users[userid].tokens[name] = token
        return token

    def grant(self, path: str, ugid: str, role: str, *, propagate: bool = True) -> None:
        """Adds or replaces an ACL entry."""
        self.acl[(path, ugid, role)] = AclEntry(path, ugid, role, propagate)

    def revoke(self, path: str, ugid: str, role: str) -> None:
        """Removes an ACL entry if there is one."""
        self.acl.pop((path, ugid, role), None)

    def forget(self, ugid: str) -> None:
        """Removes all entries of a user and his tokens, of one token, or of a group."""
        for entry in list(self.acl.values()):
            if entry.ugid == ugid or entry.ugid.startswith(f"{ugid}!"):
                self.revoke(entry.path, entry.ugid, entry.role)

    def groups_of(self, userid: str) -> list[str]:
        """Names of the groups a user is in."""
        return sorted(name for name, group in self.groups.items() if userid in group.members)

    def forget_guest(self, vmid: int) -> None:
        """Removes every entry on exactly that guest, and takes it out of its pool."""
        for key in [key for key in self.acl if key[0] == f"/vms/{vmid}"]:
            del self.acl[key]
        for pool in self.pools.values():
            pool.vms.discard(vmid)

    def is_active(self, principal: Principal, now: float) -> bool:
        """The user and the token exist, are enabled and not expired."""
        user = self.users.get(principal.user)
        if user is None or not user.enabled or (user.expire and user.expire < now):
            return False
        if principal.token is None:
            return True
        token = user.tokens.get(principal.token)
        return token is not None and not (token.expire and token.expire < now)

    def privileges(self, principal: Principal, path: str) -> Privileges:
        """What the principal may on that path."""
        own = self._of_id(principal.user, path)
        if principal.token is None:
            return own
        user = self.users.get(principal.user)
        token = user.tokens.get(principal.token) if user else None
        if token is None:
            return {}
        if not token.privsep:
            return own
        separate = self._of_id(principal.auth_id, path)
        return {name: flag & own[name] for name, flag in separate.items() if name in own}

    def may(self, principal: Principal, path: str, privilege: str) -> bool:
        """One privilege on one path."""
        return privilege in self.privileges(principal, path)

    def _of_id(self, auth_id: str, path: str) -> Privileges:
        if auth_id == ROOT:
            return dict.fromkeys(ALL_PRIVILEGES, 1)
        found: Privileges = {}
        for place in (path, *self.pools_of(path)):
            roles = self._roles(auth_id, place)
            if NO_ACCESS in roles:
                return {}
            for role, propagate in roles.items():
                for privilege in self.roles.get(role, frozenset()):
                    found[privilege] = found.get(privilege, 0) | propagate
        return found

    def pools_of(self, path: str) -> list[str]:
        """Paths of the pools that hold what is at that path."""
        return [f"/pool/{pool.name}" for pool in self.pools.values() if path in pool.paths]

    def _roles(self, auth_id: str, path: str) -> dict[str, int]:
        """Entries on a deeper path replace what was inherited; one's own those of one's groups."""
        groups = set(self.groups_of(auth_id))
        roles: dict[str, int] = {}
        for ancestor in ancestors(path):
            own = self._roles_on(ancestor, {auth_id}, is_goal=ancestor == path)
            roles = own or self._roles_on(ancestor, groups, is_goal=ancestor == path) or roles
        return roles

    def _roles_on(self, path: str, ugids: set[str], *, is_goal: bool) -> dict[str, int]:
        found: dict[str, int] = {}
        for entry in self.acl.values():
            if entry.path == path and entry.ugid in ugids and (entry.propagate or is_goal):
                found[entry.role] = found.get(entry.role, 0) | entry.propagate
        return found

    def decided_at(self, path: str, entries: set[str]) -> tuple[str, bool]:
        """Where privileges on a path come from: the path itself, when it has entries or lies in a
        pool, else its parent, whose other children without entries have the same privileges.
        """
        if path in entries or (self.pools and self.pools_of(path)):
            return path, True
        return path.rpartition("/")[0] or "/", False

    def acl_paths(self) -> set[str]:
        """Every path that has an entry."""
        return {entry.path for entry in self.acl.values()}


def _fresh_secret() -> str:
    return str(uuid.UUID(int=secrets.randbits(128), version=4))


def ancestors(path: str) -> list[str]:
    """`/vms/100` -> `/`, `/vms`, `/vms/100`."""
    parts = [part for part in path.split("/") if part]
    return ["/", *("/" + "/".join(parts[: n + 1]) for n in range(len(parts)))]
