"""Rules that the reader itself applies: is it a configuration at all."""

from hapanel.drbd.configuration.findings import error, warning
from hapanel.kernel.refusal import gettext_noop

SYNTAX = error(
    "syntax",
    gettext_noop("%(expected)s is expected here, not %(got)s"),
    gettext_noop("Mend this line; DRBD reads nothing of a file with such a fault"),
)
TOO_LONG = error(
    "too-long",
    gettext_noop("This word is longer than the %(longest)s characters that DRBD reads"),
    gettext_noop("Choose a shorter one"),
)
MISSING_SEMICOLON = error(
    "missing-semicolon",
    gettext_noop("The statement %(statement)s before this has no semicolon at its end"),
    gettext_noop("End %(statement)s (line %(line)s) with a semicolon"),
)
TOO_MANY_VALUES = error(
    "too-many-values",
    gettext_noop("%(statement)s takes one value, and more follows"),
    gettext_noop("Put the value in double quotes, or end the statement with a semicolon"),
)
MISSING_BRACE = error(
    "missing-brace",
    gettext_noop("The %(section)s section of line %(line)s is not closed before this"),
    gettext_noop("Close it with a brace at its end"),
)
MISSING_LAST_BRACE = warning(
    "missing-last-brace",
    gettext_noop("The file ends inside the %(section)s section of line %(line)s"),
    gettext_noop("Add the closing brace: DRBD forgives it only at the very end"),
)
STRAY_BRACE = error(
    "stray-brace",
    gettext_noop("There is one closing brace more than was opened"),
    gettext_noop("Remove it, or look above for the section that it should close"),
)
UNKNOWN_KEYWORD = error(
    "unknown-keyword",
    gettext_noop("%(word)s is no keyword of DRBD in the section %(section)s"),
    gettext_noop("Write %(nearest)s, or remove the line"),
)
UNKNOWN_WORD = error(
    "unknown-word",
    gettext_noop("%(word)s is no keyword of DRBD, and none in %(section)s looks like it"),
    gettext_noop("Remove the line; what may stand here is in the manual page drbd.conf(5)"),
)
MISPLACED_KEYWORD = error(
    "misplaced-keyword",
    gettext_noop("%(word)s does not belong in the section %(section)s"),
    gettext_noop("Move it into the section %(home)s"),
)
BAD_ADDRESS = error(
    "bad-address",
    gettext_noop("This is no address: %(why)s"),
    gettext_noop("Write it as 10.1.1.31:7788, or as ipv6 [fd00::31]:7788"),
)
BAD_PORT = error(
    "bad-port",
    gettext_noop("%(port)s is no TCP port"),
    gettext_noop("Choose a port from 1 to 65535, usually 7788 and up"),
)
INCLUDE_TOO_DEEP = error(
    "include-too-deep",
    gettext_noop("Files include each other more than %(deepest)s deep, and DRBD reads no further"),
    gettext_noop("Include this file from further up"),
)
INCLUDE_MISSING = error(
    "include-missing",
    gettext_noop("The included file %(name)s does not exist or cannot be read"),
    gettext_noop("Correct the path, or remove the include"),
)
