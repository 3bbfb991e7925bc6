"""Refusals on the command line: cause and remedy on stderr, exit status 1, no traceback."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext

from hapanel.kernel.refusal import Refused


def refusing(handle: Callable[..., None]) -> Callable[..., None]:
    """Turn a Refused out of a command's `handle` into what Django prints for people."""

    @wraps(handle)
    def handled(*arguments: Any, **options: Any) -> None:
        try:
            handle(*arguments, **options)
        except Refused as refused:
            raise CommandError(words(refused)) from refused

    return handled


def words(refused: Refused) -> str:
    """Each refusal as a line: what hinders, what to do, and the code to look up."""
    return "\n".join(
        f"{refusal.because(gettext)} {refusal.remedy(gettext)} ({refusal.code})"
        for refusal in refused.refusals
    )
