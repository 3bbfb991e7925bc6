"""What may follow a keyword, and whether it does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

_NUMBER = re.compile(r"([0-9]+)([sSkKmMgG]?)\Z")
_FACTORS = {"": 1, "s": 512, "k": 1024, "m": 1024**2, "g": 1024**3}


class Fault(Enum):
    """Why a value is refused."""

    MISSING = "missing"
    NOT_A_CHOICE = "not one of the choices"
    NOT_A_NUMBER = "not a number"
    OUT_OF_RANGE = "out of range"
    TOO_LONG = "too long"
    UNKNOWN_ALGORITHM = "unknown algorithm"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words, as in `after-sb-0pri disconnect`."""

    words: tuple[str, ...]
    any_case: bool = False

    def fault(self, text: str | None) -> Fault | None:
        """Why `text` is refused; None when it is right."""
        if text is None:
            return Fault.MISSING
        known = {word.lower() for word in self.words} if self.any_case else self.words
        return None if (text.lower() if self.any_case else text) in known else Fault.NOT_A_CHOICE


@dataclass(frozen=True, slots=True)
class Boolean:
    """yes or no; left out it means yes."""

    words: tuple[str, ...] = ("yes", "no")

    def fault(self, text: str | None) -> Fault | None:
        """Why `text` is refused; None when it is right."""
        return None if text is None or text in self.words else Fault.NOT_A_CHOICE


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number. `unit` is what a bare one counts: "" ones, s sectors, k kibibytes.

    The bounds are in that unit. `words` may stand instead of a number (`quorum majority`).
    `clamped`: what is too small or too large is cut silently.
    """

    least: int
    most: int
    unit: str = ""
    words: tuple[str, ...] = ()
    clamped: bool = False

    def fault(self, text: str | None) -> Fault | None:
        """Why `text` is refused; None when it is right."""
        if text is None:
            return Fault.MISSING
        if text in self.words:
            return None
        counted = self.counted(text)
        if counted is None:
            return Fault.NOT_A_NUMBER
        fits = self.clamped or self.least <= counted <= self.most
        return None if fits else Fault.OUT_OF_RANGE

    def counted(self, text: str) -> int | None:
        """`text` in this option's unit; None when it is no number."""
        whole = self.ones(text)
        return None if whole is None else whole // _FACTORS[self.unit]

    def ones(self, text: str) -> int | None:
        """`text` in ones (bytes where it is a size); None when it is no number."""
        found = _NUMBER.match(text)
        if found is None or len(found[1]) > 18:
            return None
        return int(found[1]) * _FACTORS[found[2].lower() or self.unit]


@dataclass(frozen=True, slots=True)
class Text:
    """Anything. `longest` is the first length that is refused; 0 for none."""

    longest: int = 0
    secret: bool = False

    def fault(self, text: str | None) -> Fault | None:
        """Why `text` is refused; None when it is right."""
        if text is None:
            return Fault.MISSING
        return Fault.TOO_LONG if self.longest and len(text) >= self.longest else None


ALGORITHMS = (
    *("crc32", "crc32c", "crct10dif", "md4", "md5", "sha1", "sha224", "sha256", "sha384"),
    *("sha512", "sha3-224", "sha3-256", "sha3-384", "sha3-512", "rmd128", "rmd160", "rmd256"),
    *("rmd320", "tgr128", "tgr160", "tgr192", "wp256", "wp384", "wp512", "sm3", "xxhash64"),
    *("blake2b-160", "blake2b-256", "blake2b-384", "blake2b-512", "streebog256", "streebog512"),
    *("blake2s-128", "blake2s-160", "blake2s-224", "blake2s-256", "ghash", "michael_mic"),
)
"""Digests that Linux kernels have had: `up` fails on others (8.4: VERIFYAlgNotAvail)."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A digest of the kernel's, by its crypto name."""

    words: tuple[str, ...] = ALGORITHMS

    def fault(self, text: str | None) -> Fault | None:
        """Why `text` is refused; None when it is right."""
        if text is None:
            return Fault.MISSING
        # A driver's name (sha256-generic) is as good as the algorithm's; "" switches it off.
        known = not text or text in self.words or text.split("-")[0] in self.words
        return None if known else Fault.UNKNOWN_ALGORITHM


Value = Choice | Boolean | Number | Text | Algorithm
