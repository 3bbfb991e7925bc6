"""Which address is asked next, in a time that only the test moves."""

from __future__ import annotations

from hapanel.gateways.proxmox.addresses import LONGEST_PAUSE, AddressBook

MASTER, SLAVE, THIRD = "https://master:8006", "https://slave:8006", "https://third:8006"


class Times:
    """A clock and a die without chance."""

    def __init__(self) -> None:
        self.now = 1000.0

    def book(self, *urls: str) -> AddressBook:
        return AddressBook(urls, clock=lambda: self.now, chance=lambda low, high: (low + high) / 2)


def asked(book: AddressBook, about: str | None = None) -> list[str]:
    return [attempt.url for attempt in book.attempts(about)]


def test_the_order_of_preference_holds_while_all_answer() -> None:
    book = Times().book(MASTER, SLAVE)
    assert asked(book) == [MASTER, SLAVE]
    assert not any(attempt.is_trial for attempt in book.attempts())


def test_a_failed_address_rests_and_is_then_tried_in_its_old_place() -> None:
    times = Times()
    book = times.book(MASTER, SLAVE)
    book.failed(MASTER, "no answer in time")
    assert asked(book) == [SLAVE]
    times.now += 2.1
    assert asked(book) == [MASTER, SLAVE]
    assert [attempt.is_trial for attempt in book.attempts()] == [True, False]


def test_pauses_grow_to_half_a_minute_and_end_with_an_answer() -> None:
    times = Times()
    book = times.book(MASTER, SLAVE)
    pauses = []
    for _ in range(8):
        book.failed(MASTER, "refused")
        pauses.append(book.entries()[0].retry_at - times.now)
    assert pauses == [2, 4, 8, 16, 30, 30, 30, LONGEST_PAUSE]
    book.answered(MASTER)
    assert book.entries()[0].failures == 0
    assert asked(book) == [MASTER, SLAVE]


def test_when_nobody_is_known_to_answer_all_are_asked_the_longest_rested_first() -> None:
    times = Times()
    book = times.book(MASTER, SLAVE)
    book.failed(MASTER, "cut")
    book.failed(MASTER, "cut")
    book.failed(SLAVE, "cut")
    assert asked(book) == [SLAVE, MASTER]
    assert not any(attempt.is_trial for attempt in book.attempts())


def test_a_question_about_a_node_goes_to_that_node_first() -> None:
    book = Times().book(MASTER, SLAVE, THIRD)
    book.belongs_to(THIRD, "third")
    assert asked(book, about="third") == [THIRD, MASTER, SLAVE]
    assert [attempt.is_direct for attempt in book.attempts("third")] == [True, False, False]
    assert asked(book, about="unknown") == [MASTER, SLAVE, THIRD]
    book.failed(THIRD, "no answer")
    assert asked(book, about="third") == [MASTER, SLAVE]


def test_chance_spreads_the_trials_by_a_fifth() -> None:
    book = AddressBook([MASTER], clock=lambda: 0.0)
    for _ in range(20):
        book.answered(MASTER)
        book.failed(MASTER, "cut")
        assert 1.6 <= book.entries()[0].retry_at <= 2.4
