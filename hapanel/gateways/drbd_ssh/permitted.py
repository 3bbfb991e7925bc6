"""Running one permitted command: its output when it went well, a typed error when not."""

from __future__ import annotations

from hapanel.drbd.redact import redact
from hapanel.gateways.drbd_ssh.connection import Connection
from hapanel.ports.ssh_errors import (
    CommandFailed,
    ScriptOlder,
)

# What deploy/hapanel-node-command says of a line that its table does not hold.
_REFUSED = 126
_REFUSAL = b"hapanel-node-command: refused"


async def good_output(connection: Connection, command: str) -> bytes:
    """What `command` printed. Raises CommandFailed with its own words, secrets removed."""
    output = await connection.run(command)
    if output.exit == 0:
        return output.stdout
    said = redact(text_of(output.stderr or output.stdout)).strip()
    if output.exit == _REFUSED and output.stderr.startswith(_REFUSAL):
        raise ScriptOlder(f"it does not permit `{command}`", address=connection.address)
    raise CommandFailed(
        said[:300] or "it said nothing",
        command=command,
        exit_code=output.exit,
        address=connection.address,
    )


def text_of(body: bytes) -> str:
    """Whatever a node prints as text; what is no UTF-8 is kept visible."""
    return body.decode("utf-8", "backslashreplace")
