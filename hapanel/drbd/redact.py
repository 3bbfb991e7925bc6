"""The shared secret taken out of DRBD's texts, before anything logs, shows or stores them.

drbdadm repeats its whole command line on stderr when drbdsetup fails, `--shared-secret=` with it;
`dump`, `dump-xml`, `show` and `show --json` print the option in four ways more.
"""

from __future__ import annotations

import re
from collections.abc import Collection

HIDDEN = "***"
"""What stands where a secret stood."""

# Each takes rather too much than too little: up to what certainly ends the value.
_PLACES = (
    re.compile(r"(--shared-secret(?:=|[ \t]+)).*?(?=\s+--?\w|'\s+terminated|\s*$)", re.MULTILINE),
    re.compile(r"(\"shared-secret\"\s*:\s*)(?:\"(?:\\.|[^\"\\\n])*\"?|[^,}\n]*)"),
    re.compile(r"(name=\"shared-secret\"\s+value=)(?:\"[^\"\n]*\"?|[^/>\n]*)"),
    re.compile(r"(\bshared-secret[ \t]+)(?!value=)(?:\"(?:\\.|[^\"\\\n])*\"?|[^;\n}]+)"),
)


def redact(text: str, secrets: Collection[str] = ()) -> str:
    """`text` with every shared secret replaced by `***`; `secrets` are values that are known.

    Known values are replaced wherever they stand, for texts that name no option (parse errors).
    """
    for place in _PLACES:
        text = place.sub(rf"\g<1>{HIDDEN}", text)
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, HIDDEN)
    return text
