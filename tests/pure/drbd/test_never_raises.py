"""Whatever a node answers, a decoder gives a partial picture and never an exception."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hapanel.drbd.decode.forms import decode
from hapanel.drbd.decode.gaps import MOST_KEPT, MOST_READ
from hapanel.drbd.redact import redact
from tests.pure.drbd.test_decoding import PROC_OF_8, STATUS_OF_8, STATUS_OF_9, json_of_9
from tests.pure.drbd.test_events import START_OF_8, START_OF_9

WHOLE = [
    STATUS_OF_8,
    STATUS_OF_9,
    PROC_OF_8,
    json_of_9(**{"out-of-sync": 4096, "rs-total": 99999}),
    json.dumps(json.loads(json_of_9(**{"out-of-sync": 4096})), indent=1).replace("[", "[\n") + "\n",
    "\n".join(START_OF_8) + "\n",
    "\n".join(START_OF_9) + "\n",
]
STATES = ["UpToDate", "Connected", "Established", "Primary", "Secondary", "StandAlone", "Off"]


@pytest.mark.parametrize("text", WHOLE)
def test_an_answer_that_was_cut_anywhere_tells_no_number_that_the_whole_does_not(
    text: str,
) -> None:
    whole = numbers(decode(text))
    for place in range(0, len(text), 3):
        assert numbers(decode(text[:place])) <= whole


def numbers(status: object) -> set[tuple[str, int]]:
    """Every out-of-sync and size in a picture: a cut must not make a smaller one of them."""
    found = set()
    for resource in getattr(status, "resources", ()):
        found |= {("size", one.size) for one in resource.volumes if one.size is not None}
        for peer in resource.peers:
            found |= {
                ("oos", one.out_of_sync) for one in peer.volumes if one.out_of_sync is not None
            }
    return found


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(WHOLE), st.data())
def test_answers_with_foreign_pieces_in_them_are_still_read(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text)))
    piece = data.draw(st.one_of(st.text(max_size=40), st.sampled_from([*STATES, "\n  x:", "{["])))
    length = data.draw(st.integers(0, 30))
    status = decode(text[:place] + piece + text[place + length :])
    assert len(status.not_understood) <= MOST_KEPT


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.text(max_size=300), st.binary(max_size=300)))
def test_garbage_is_an_empty_picture(garbage: str | bytes) -> None:
    text = garbage.decode("utf-8", "replace") if isinstance(garbage, bytes) else garbage
    for resource in decode(text).resources:
        assert resource.role is not None
    redact(text)


@pytest.mark.parametrize("line", ["rs role:Primary suspended:no\n", "[" * 200, "exists -\n"])
def test_more_than_any_node_can_say_is_cut(line: str) -> None:
    status = decode(line * (MOST_READ // len(line) // 8))
    assert len(status.resources) <= 1


def test_a_number_of_a_million_digits_is_no_number() -> None:
    status = decode(STATUS_OF_8.replace("size:2048000", "size:" + "9" * 1_000_000))
    assert status.resources[0].volumes[0].size is None
