"""Running one permitted command: its output when it went well, a typed error when not."""

from __future__ import annotations

from hapanel.drbd.redact import redact
from hapanel.gateways.drbd_ssh.connection import Connection, Output
from hapanel.ports.errors import ClusterError
from hapanel.ports.node_shell import OrderAnswer
from hapanel.ports.ssh_errors import (
    CommandFailed,
    ScriptOlder,
)

# What deploy/hapanel-node-command says of a line that its table does not hold.
_REFUSED = 126
_REFUSAL = b"hapanel-node-command: refused"
LONGEST_SAID = 2000


async def good_output(connection: Connection, command: str) -> bytes:
    """What `command` printed. Raises CommandFailed with its own words, secrets removed."""
    output = await connection.run(command)
    if output.exit == 0:
        return output.stdout
    _check_permitted(output, command, connection)
    said = redact(text_of(output.stderr or output.stdout)).strip()
    raise CommandFailed(
        said[:300] or "it said nothing",
        command=command,
        exit_code=output.exit,
        address=connection.address,
    )


async def given(connection: Connection, line: str) -> OrderAnswer:
    """How an order ended. Raises ScriptOlder, and a ClusterError with `may_have_happened`."""
    try:
        output = await connection.run(line)
    except ClusterError as error:
        error.may_have_happened = True
        raise
    _check_permitted(output, line, connection)
    said = redact(text_of(output.stderr or output.stdout)).strip()
    return OrderAnswer(exit=output.exit, said=said[:LONGEST_SAID])


def _check_permitted(output: Output, command: str, connection: Connection) -> None:
    if output.exit == _REFUSED and output.stderr.startswith(_REFUSAL):
        reason = text_of(output.stderr[len(_REFUSAL) :]).strip(": \n")[:200]
        raise ScriptOlder(f"it does not permit `{command}` ({reason})", address=connection.address)


def text_of(body: bytes) -> str:
    """Whatever a node prints as text; what is no UTF-8 is kept visible."""
    return body.decode("utf-8", "backslashreplace")
