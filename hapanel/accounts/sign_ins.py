"""Sign-ins in the audit log: good ones, failed ones, lock-outs, sign-outs."""

from __future__ import annotations

from typing import Any

from axes.signals import user_locked_out
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.cache import cache
from django.http import HttpRequest

from hapanel.accounts.throttle import LOCKED_SECONDS
from hapanel.audit.actor import client_address
from hapanel.audit.models import record


def connect() -> None:
    """Listen to Django's and axes' signals."""
    user_logged_in.connect(_signed_in, dispatch_uid="audit-signed-in")
    user_logged_out.connect(_signed_out, dispatch_uid="audit-signed-out")
    user_login_failed.connect(_failed, dispatch_uid="audit-sign-in-failed")
    user_locked_out.connect(_locked_out, dispatch_uid="audit-locked-out")


def _write(action: str, name: str, request: HttpRequest | None, outcome: str) -> None:
    address = client_address(request) if request is not None else ""
    record(name[:150] or "-", action, address=address, via="page", outcome=outcome)


def _signed_in(request: HttpRequest, user: Any, **_rest: Any) -> None:
    _write("signed_in", user.get_username(), request, "succeeded")


def _signed_out(request: HttpRequest, user: Any, **_rest: Any) -> None:
    if user is not None:
        _write("signed_out", user.get_username(), request, "succeeded")


def _failed(credentials: dict[str, Any], request: HttpRequest | None = None, **_rest: Any) -> None:
    # While a lock lasts nothing is tried: the lock's own entry tells it once, not each attempt.
    if not getattr(request, "axes_locked_out", False):
        _write("sign_in_failed", str(credentials.get("username", "")), request, "failed")


def _locked_out(
    request: HttpRequest, username: str | None, ip_address: str | None, **_rest: Any
) -> None:
    if cache.add(f"locked-out:{username}:{ip_address}", 1, timeout=LOCKED_SECONDS):
        _write("locked_out", username or "", request, "failed")
