"""Refusals in Proxmox VE's own forms."""

from collections.abc import Mapping

MODIFIED = "detected modified configuration - file changed by other user? Try again."


class ApiError(Exception):
    """A method died: its text becomes reason phrase and `message`.

    `bare` answers (401, 595, 596) have an empty body, the text is only in the status line.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Mapping[str, str] | None = None,
        bare: bool = False,
        newline: bool = True,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = dict(errors) if errors else None
        self.bare = bare
        self.newline = newline


def died(message: str) -> ApiError:
    """What a Perl `die` in a method becomes: 500 with its text."""
    return ApiError(500, message)


def bad_parameters(errors: Mapping[str, str]) -> ApiError:
    """400 with a text per parameter (pve-common, PVE::JSONSchema)."""
    return ApiError(400, "Parameter verification failed.", errors=errors)


def forbidden(path: str, privilege: str) -> ApiError:
    """403 that names the path and the first missing privilege."""
    return ApiError(403, f"Permission check failed ({path}, {privilege})")


class TaskFailed(Exception):
    """Ends a task with `TASK ERROR: <text>`."""
