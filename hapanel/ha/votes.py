"""The rule of the majority, as corosync's votequorum has it (votequorum(5))."""

from __future__ import annotations


def majority(expected: int) -> int:
    """The votes that make a quorum out of `expected` ones: more than half."""
    return expected // 2 + 1
