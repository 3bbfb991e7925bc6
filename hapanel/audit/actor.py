"""Who does something, from where, and through which door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest


@dataclass(frozen=True)
class Actor:
    """A person as the audit log knows her. `via` is page, api or command."""

    name: str
    via: str = ""
    address: str = ""

    def as_columns(self) -> dict[str, Any]:
        """The columns of an audit entry."""
        return {"actor": self.name, "via": self.via, "address": self.address}


def client_address(request: HttpRequest) -> str:
    """The caller's address; X-Forwarded-For is believed only from proxies that are configured.

    Each proxy appends the address it was called from, so with n proxies of ours the n-th entry from
    the end is the last one that was not written by the caller.
    """
    hops: list[str] = [
        hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    ]
    proxies: int = settings.PROXY_COUNT
    if proxies and len(hops) >= proxies and hops[-proxies]:
        return hops[-proxies][:64]
    address: str = request.META.get("REMOTE_ADDR", "")
    return address[:64]


def actor_of(request: HttpRequest, via: str) -> Actor:
    """The signed-in person behind `request`."""
    return Actor(str(request.user.get_username()), via, client_address(request))
