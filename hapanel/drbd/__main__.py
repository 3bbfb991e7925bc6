"""`python -m hapanel.drbd VERB FILE...`: exit codes are those of the verb, 2 for bad usage."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence

from hapanel.drbd.lint_command import lint
from hapanel.drbd.status_command import status

VERBS: Mapping[str, Callable[[Sequence[str]], int]] = {"status": status, "lint": lint}
"""Each verb reads its own arguments, writes to stdout and returns its exit code."""


def main(arguments: Sequence[str]) -> int:
    """Run the verb that `arguments` start with: its exit code."""
    verb = VERBS.get(arguments[0]) if arguments else None
    if verb is None:
        sys.stderr.write(f"usage: python -m hapanel.drbd {{{','.join(VERBS)}}} FILE...\n")
        return 2
    return verb(arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
