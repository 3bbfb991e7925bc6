"""A node's configuration files as they may be recorded: secrets masked, and what lint says."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from hapanel.drbd.configuration.compare import secret_is_used
from hapanel.drbd.configuration.grammar import Section
from hapanel.drbd.configuration.lint import judged
from hapanel.drbd.configuration.masking import masked
from hapanel.drbd.configuration.model import Configuration
from hapanel.drbd.configuration.reader import Source, read
from hapanel.drbd.configuration.subject import Surroundings
from hapanel.drbd.configuration.understanding import understood
from hapanel.drbd.configured import meant
from hapanel.ports.node_shell import ConfigurationFile
from nodes.replication_files import finding_record

MAIN, LVM = "/etc/drbd.conf", "/etc/lvm/lvm.conf"
# What drbd-utils ships as the main file, for a node that has none or does not show it.
USUAL = 'include "drbd.d/global_common.conf";\ninclude "drbd.d/*.res";\n'


@dataclass(frozen=True)
class ReadConfiguration:
    """`files`: [{path, text}]; `findings`: records; `configured`: resource -> {members,
    dual_primary}, see hapanel.drbd.configured; `secrets`: resource -> {digest, place, used}."""

    files: list[dict[str, str]]
    findings: list[dict[str, Any]]
    configured: dict[str, dict[str, Any]]
    secrets: dict[str, dict[str, Any]]


KeyedDigest = Callable[[str, str], str]
"""(secret, resource) -> a digest that only the panel's own keys can make."""


def read_configuration(
    node: str,
    files: Sequence[ConfigurationFile],
    around: Surroundings,
    digest: KeyedDigest,
) -> ReadConfiguration:
    """What is recorded of these files; the texts themselves are not kept. Never raises for what
    stands in them. `around` is what is known beside the node's own files."""
    texts = {file.path: file.text for file in files}
    lvm = texts.pop(LVM, None)

    def load(pattern: str, including: str) -> Sequence[Source]:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(including), pattern))
        return [Source(name, text) for name, text in texts.items() if fnmatchcase(name, path)]

    main = texts.get(MAIN, USUAL) if texts else ""
    configuration = understood(read(Source(MAIN, main), load))
    around = replace(around, this_node=node, lvm={node: lvm} if lvm else {})
    return ReadConfiguration(
        files=[{"path": path, "text": masked(text)} for path, text in texts.items()],
        findings=[finding_record(one) for one in judged(configuration, None, around)],
        configured={
            one.name: {"members": list(one.members), "dual_primary": one.dual_primary}
            for one in meant("\n".join(texts.values()))
        },
        secrets=_secrets(configuration, digest),
    )


def _secrets(configuration: Configuration, digest: KeyedDigest) -> dict[str, dict[str, Any]]:
    """Both nodes' secrets are compared although neither is kept: by digests with the panel's key.

    Whoever has that key has the ssh key as well, which reads the files themselves; so a copy of the
    database tells nothing about a secret, not even whether a guess at it is right.
    """
    found = {}
    for one in configuration.distinct:
        secret = one.setting(Section.NET, "shared-secret")
        if secret is not None:
            place = secret.place
            found[one.name] = {
                "digest": digest(secret.text, one.name),
                "place": [place.file, place.line, place.column],
                "used": secret_is_used(one),
            }
    return found
