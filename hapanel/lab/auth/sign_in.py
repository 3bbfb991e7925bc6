"""Who asks: ticket cookie, API token or nobody. Texts: pve-manager PVE/HTTPServer.pm."""

import hmac
import re
from urllib.parse import unquote

from hapanel.lab.auth.accounts import Principal
from hapanel.lab.cluster import Cluster
from hapanel.lab.errors import ApiError
from hapanel.lab.net.http import Request

TOKEN_HEADER = re.compile(r"PVEAPIToken=([^!=\s]+@[^!=\s]+)!([^=\s]+)=(\S+)")
COOKIE = re.compile(r"(?:^|;\s*)PVEAuthCookie=([^;]*)")
OPEN_PATHS = frozenset(("/access/ticket", "/access/domains"))
NOBODY = Principal("")


def who_asks(request: Request, path: str, cluster: Cluster) -> Principal:
    """The caller. A ticket wins over a token; open paths need neither. Raises 401 bare."""
    if path in OPEN_PATHS:
        return NOBODY
    ticket = _ticket(request)
    if ticket:
        return _by_ticket(ticket, request, cluster)
    header = request.headers.get("authorization", "")
    if header.startswith("PVEAPIToken"):
        return _by_token(header, cluster)
    raise ApiError(401, "No ticket", bare=True)


def _ticket(request: Request) -> str | None:
    cookie = COOKIE.search(request.headers.get("cookie", ""))
    if cookie:
        return unquote(cookie.group(1))
    header = request.headers.get("authorization", "")
    if header.startswith("PVEAuthCookie="):
        return unquote(header.removeprefix("PVEAuthCookie="))
    return None


def _by_ticket(ticket: str, request: Request, cluster: Cluster) -> Principal:
    now = cluster.world.now()
    user = cluster.tickets.user_of(ticket, now)
    if user is None or not cluster.world.accounts.is_active(Principal(user), now):
        raise _failed()
    if request.method != "GET":
        csrf = request.headers.get("csrfpreventiontoken", "")
        if not cluster.tickets.is_csrf_of(csrf, user, now):
            raise ApiError(401, "Permission denied - invalid csrf token", bare=True)
    return Principal(user)


def _by_token(header: str, cluster: Cluster) -> Principal:
    match = TOKEN_HEADER.fullmatch(header)
    if match is None:
        raise _failed()
    user, name, secret = match.groups()
    principal = Principal(user, name)
    accounts = cluster.world.accounts
    if not accounts.is_active(principal, cluster.world.now()):
        raise _failed()
    if not hmac.compare_digest(accounts.users[user].tokens[name].secret, secret):
        raise _failed()
    return principal


def _failed() -> ApiError:
    return ApiError(401, "Authentication failed!", bare=True)
