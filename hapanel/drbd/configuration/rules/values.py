"""Is every word of this generation, and every value one that its option takes?"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from hapanel.drbd.configuration.findings import Finding, error, warning
from hapanel.drbd.configuration.grammar import Section
from hapanel.drbd.configuration.options import AFTER_SB, Option, Syntax
from hapanel.drbd.configuration.subject import Subject
from hapanel.drbd.configuration.tree import Statement
from hapanel.drbd.configuration.values import Algorithm, Boolean, Choice, Fault, Number, Text
from hapanel.kernel.refusal import gettext_noop

WRONG_GENERATION = error(
    "wrong-generation",
    gettext_noop("%(word)s is a keyword of DRBD %(home)s, and this is read by DRBD %(here)s"),
    gettext_noop("Remove it, or say the same with a word of this version"),
)
IGNORED_KEYWORD = warning(
    "ignored-keyword",
    gettext_noop("DRBD 9 reads %(word)s and does nothing with it"),
    gettext_noop("Remove it; in DRBD 9 a resource becomes Primary when it is opened"),
)
OLD_KEYWORD = warning(
    "old-keyword",
    gettext_noop("%(word)s is an old name that DRBD 9 refuses or may refuse soon"),
    gettext_noop("Write %(now)s"),
)
OLD_SECTION = warning(
    "old-section",
    gettext_noop("The syncer section is from DRBD 8.3, and DRBD 9 refuses most of what it held"),
    gettext_noop("Move rates and extents into disk, algorithms into net"),
)
BAD_PROTOCOL = error(
    "bad-protocol",
    gettext_noop("There is no protocol %(value)s, only A, B and C"),
    gettext_noop("Write protocol C: a write is done when both nodes have it on disk"),
)
BAD_AFTER_SB = error(
    "bad-after-sb",
    gettext_noop("%(value)s is no policy for %(option)s, and the connection will not come up"),
    gettext_noop("Write %(nearest)s; allowed are %(allowed)s"),
)
BAD_VALUE = error(
    "bad-value",
    gettext_noop("%(option)s does not take the value %(value)s"),
    gettext_noop("Write %(nearest)s; allowed are %(allowed)s"),
)
BAD_NUMBER = error(
    "bad-number",
    gettext_noop("%(option)s takes a number, and %(value)s is none"),
    gettext_noop("Write digits, perhaps with K, M or G behind them"),
)
OUT_OF_RANGE = error(
    "out-of-range",
    gettext_noop("%(option)s %(value)s is outside of what DRBD takes"),
    gettext_noop("Choose between %(least)s and %(most)s"),
)
TOO_LONG_VALUE = error(
    "value-too-long",
    gettext_noop("The value of %(option)s is longer than DRBD takes"),
    gettext_noop("Use at most %(most)s characters"),
)
MISSING_VALUE = error(
    "missing-value",
    gettext_noop("%(option)s needs a value"),
    gettext_noop("Write a value behind it, or remove it to have the default"),
)
UNKNOWN_ALGORITHM = error(
    "unknown-algorithm",
    gettext_noop(
        "No Linux kernel has a digest called %(value)s, and the resource will not come up"
    ),
    gettext_noop("Write %(nearest)s for %(option)s"),
)
GENERATIONS = {Syntax.V8: "8", Syntax.V9: "9"}


def misspelled_generation(subject: Subject) -> Iterator[Finding]:
    """Words of the other generation, and words that one may still write but should not."""
    for section, statement in subject.configuration.document.walk():
        known = statement.known
        if known is None or statement.guessed:
            continue
        word, place = statement.keyword.text, statement.place
        if not known.syntax & subject.syntax:
            here, home = GENERATIONS[subject.syntax], GENERATIONS[known.syntax]
            yield WRONG_GENERATION(place, word=word, home=home, here=here)
        elif known.option is not None and known.option.now is not None:
            yield OLD_KEYWORD(place, word=word, now=known.option.now)
        elif word == "become-primary-on" and subject.syntax is Syntax.V9:
            yield IGNORED_KEYWORD(place, word=word)
        elif section in (Section.RESOURCE, Section.COMMON) and word == "syncer":
            yield OLD_SECTION(place)


def values(subject: Subject) -> Iterator[Finding]:
    """Each option's value against what the option takes."""
    for _, statement in subject.configuration.document.walk():
        option = statement.known.option if statement.known else None
        if option is None or statement.guessed:
            continue
        fault = option.value.fault(statement.value.text if statement.value else None)
        if fault is not None:
            yield _finding(option, statement, fault)


def _finding(option: Option, statement: Statement, fault: Fault) -> Finding:
    token = statement.value or statement.keyword
    place, value, kind = token.place, token.shown, option.value
    named = {"option": option.name, "value": value}
    match fault, kind:
        case Fault.MISSING, _:
            return MISSING_VALUE(statement.place, option=option.name)
        case Fault.TOO_LONG, Text(longest=longest):
            return TOO_LONG_VALUE(place, option=option.name, most=longest - 1)
        case Fault.OUT_OF_RANGE, Number(least=least, most=most, unit=unit):
            return OUT_OF_RANGE(place, **named, least=f"{least}{unit}", most=f"{most}{unit}")
        case Fault.UNKNOWN_ALGORITHM, Algorithm(words=words):
            return UNKNOWN_ALGORITHM(place, **named, nearest=_nearest(value, words, "sha256"))
        case Fault.NOT_A_CHOICE, Choice(words=words) | Boolean(words=words):
            allowed = {"nearest": _nearest(value, words, words[0]), "allowed": ", ".join(words)}
            if option.name == "protocol":
                return BAD_PROTOCOL(place, value=value)
            rule = BAD_AFTER_SB if option.name in AFTER_SB else BAD_VALUE
            return rule(place, **named, **allowed)
    return BAD_NUMBER(place, **named)


def _nearest(value: str, words: tuple[str, ...], otherwise: str) -> str:
    """The word that was perhaps meant; `otherwise` when none is near.

    For a policy "near" could mean another loser in a split brain, so what is harmless comes first
    in each list and is proposed unless a single letter or two are wrong.
    """
    near = difflib.get_close_matches(value, words, n=1, cutoff=0.8)
    return near[0] if near else otherwise
