"""What probes say of a service, played in virtual time: no network, no sleep."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from hapanel.helpdesk.verdict import Condition, Look, Moving, Verdict, is_settled, judge
from hapanel.kernel.clock import VirtualClock
from hapanel.ports.probe import Failure

START = VirtualClock().now()
UP = Verdict(Condition.UP, START - timedelta(days=1))
DOWN = Verdict(Condition.DOWN, START - timedelta(minutes=1), "refused")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def good(seconds: float, ms: float = 12) -> Look:
    return Look(at(seconds), ms, 200)


def missed(seconds: float, failure: Failure = Failure.REFUSED, ms: float = 1) -> Look:
    return Look(at(seconds), ms, None, failure)


def pending(seconds: float) -> Look:
    return Look(at(seconds))


@dataclass
class Story:
    """A service whose probes are judged one after the other, as the prober does."""

    verdict: Verdict = UP
    moving: Moving = Moving.NO
    looks: list[Look] = field(default_factory=list)
    said: list[tuple[float, Condition]] = field(default_factory=list)

    def tell(self, *looks: Look) -> Story:
        for look in looks:
            self.looks.append(look)
            self.look_again(look.sent_at + timedelta(milliseconds=look.ms or 0))
        return self

    def look_again(self, now: datetime) -> Verdict:
        after = judge(self.verdict, self.looks, now, self.moving)
        if after.condition is not self.verdict.condition:
            self.said.append(((now - START).total_seconds(), after.condition))
        self.verdict = after
        return after


def test_one_lost_probe_is_not_an_outage() -> None:
    story = Story().tell(good(0), missed(10), good(11), good(12))
    assert story.said == []
    assert story.verdict == UP


def test_two_refused_probes_a_second_apart_are_an_outage_since_the_first() -> None:
    story = Story().tell(good(0), missed(10), missed(11))
    assert story.verdict == Verdict(Condition.DOWN, at(10), Failure.REFUSED)
    [(seconds, condition)] = story.said
    assert condition is Condition.DOWN
    assert seconds == pytest.approx(11.001)


def test_two_refused_probes_within_a_series_are_not_yet_an_outage() -> None:
    story = Story().tell(good(0), missed(0.2), missed(0.4))
    assert story.verdict == UP


def test_a_machine_that_swallows_everything_is_down_two_seconds_after_the_first_miss() -> None:
    looks = [good(9), missed(10, Failure.NO_CONNECTION, 2000), pending(11)]
    verdict = judge(UP, looks, at(12), Moving.NO)
    assert verdict == Verdict(Condition.DOWN, at(10), Failure.NO_CONNECTION)


def test_probes_on_their_way_alone_prove_nothing() -> None:
    assert judge(UP, [good(9), pending(10), pending(11)], at(12), Moving.NO) == UP


def test_a_later_answer_forgives_an_earlier_miss() -> None:
    looks = [missed(10, Failure.NO_CONNECTION, 2000), good(11)]
    assert judge(UP, looks, at(12), Moving.NO) == UP


def test_it_takes_two_good_answers_to_come_back() -> None:
    story = Story(DOWN).tell(missed(0), good(1))
    assert story.verdict == DOWN
    story.tell(good(2))
    assert story.verdict == Verdict(Condition.UP, at(1))


def test_an_outage_keeps_its_beginning_while_it_lasts() -> None:
    story = Story(DOWN).tell(*(missed(second) for second in range(60)))
    assert story.verdict == DOWN


def test_slow_answers_are_degraded_not_down() -> None:
    story = Story().tell(good(0), good(1, 2400), good(4, 2600), good(7, 2500))
    assert story.verdict == Verdict(Condition.DEGRADED, at(1), "slow")
    story.tell(good(10), good(11))
    assert story.verdict == Verdict(Condition.UP, at(10))


def test_a_server_error_is_degraded_and_names_its_status() -> None:
    story = Story().tell(*(Look(at(second), 5, 503) for second in range(3)))
    assert story.verdict == Verdict(Condition.DEGRADED, at(0), "http-503")


def test_a_page_that_asks_to_sign_in_is_up() -> None:
    story = Story().tell(*(Look(at(second), 5, 401) for second in range(3)))
    assert story.verdict == UP


def test_a_service_that_answers_only_now_and_then_is_degraded() -> None:
    story = Story().tell(
        good(0), missed(1), good(2), missed(3), good(4), missed(5), good(6), good(7)
    )
    assert story.verdict == Verdict(Condition.DEGRADED, at(1), "flaky")


def test_an_outage_that_is_over_is_no_flicker() -> None:
    story = Story().tell(*(missed(s) for s in range(4)), good(4), good(5), good(6))
    assert story.verdict == Verdict(Condition.UP, at(4))


def test_a_live_migration_s_short_gap_is_maintenance_not_alarm() -> None:
    story = Story(moving=Moving.LIVE).tell(good(0), *(missed(0.2 * n) for n in range(1, 8)))
    assert story.verdict.condition is Condition.MAINTENANCE
    assert story.verdict.since == at(0.2)
    story.tell(good(1.6), good(1.8))
    assert story.verdict == Verdict(Condition.UP, at(1.6))


def test_a_gap_of_a_live_migration_that_lasts_is_an_outage_within_five_seconds() -> None:
    story = Story(moving=Moving.LIVE).tell(good(0), *(missed(0.2 * n) for n in range(1, 26)))
    assert story.said[-1][1] is Condition.DOWN
    assert story.said[-1][0] < 5
    assert story.verdict.since == at(0.2)


def test_a_container_s_restart_is_maintenance_until_the_migration_ends() -> None:
    story = Story(moving=Moving.STOPPED).tell(good(0), *(missed(n) for n in range(1, 30)))
    assert story.verdict == Verdict(Condition.MAINTENANCE, at(1), Failure.REFUSED)
    story.moving = Moving.NO
    story.tell(missed(30))
    assert story.verdict == Verdict(Condition.DOWN, at(1), Failure.REFUSED)


def test_a_service_that_was_down_before_the_migration_stays_down() -> None:
    story = Story(DOWN, Moving.STOPPED).tell(missed(0), missed(1))
    assert story.verdict == DOWN


def test_without_a_network_of_our_own_nothing_is_said_of_the_service() -> None:
    story = Story().tell(good(0), missed(10, Failure.NO_NETWORK), missed(11, Failure.NO_NETWORK))
    assert story.verdict.condition is Condition.UNKNOWN
    story.tell(good(20))
    assert story.verdict == Verdict(Condition.UP, at(20))


def test_a_miss_is_unsettled_until_the_verdict_says_so() -> None:
    assert is_settled(UP, [good(0)], at(1))
    assert not is_settled(UP, [good(0), missed(10)], at(10.1))
    assert not is_settled(UP, [good(0), pending(10)], at(10.9))
    assert is_settled(UP, [good(0), pending(10)], at(10.1))
    assert is_settled(DOWN, [missed(10), missed(11)], at(11.1))
    assert not is_settled(DOWN, [missed(11), good(12)], at(12.1))
