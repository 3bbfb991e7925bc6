"""When quorum is news, and what each look asks."""

from __future__ import annotations

import pytest

from hapanel.kernel.names import Upid
from hapanel.observe.pace import Pace
from hapanel.observe.quorum_watch import QuorumWatch
from hapanel.observe.task_hints import guests_touched
from hapanel.ports.cluster import Task
from nodes.models import Cluster, Reach


def test_one_odd_answer_is_no_loss_of_quorum() -> None:
    watch = QuorumWatch(announced=True)
    said = [watch.hear(value) for value in (True, False, True, False, True, True)]
    assert said == [None] * 6


def test_a_loss_is_news_when_it_is_said_twice_in_a_row() -> None:
    watch = QuorumWatch(announced=True)
    assert [watch.hear(value) for value in (False, False, False)] == [None, False, None]
    assert [watch.hear(value) for value in (True, True)] == [None, True]


def test_nobodys_word_changes_nothing() -> None:
    watch = QuorumWatch(announced=True)
    assert [watch.hear(value) for value in (False, None, False)] == [None, None, False]


def test_a_cluster_that_is_met_whole_is_no_news_and_one_that_is_met_broken_is() -> None:
    whole, broken = QuorumWatch(None), QuorumWatch(None)
    assert [whole.hear(True), whole.hear(True)] == [None, None]
    assert [broken.hear(False), broken.hear(False)] == [None, False]


def _calls(seconds: int, *, watched: bool) -> int:
    """Upstream calls of `seconds` ticks of one second, the slow questions left out."""
    cluster, pace, calls = Cluster(reach=Reach.OK), Pace(), 0
    for tick in range(1000, 1000 + seconds):
        now = float(tick)
        if not pace.is_due(cluster, now, hurried=watched):
            continue
        plan = pace.plan(now)
        calls += 1 + plan.whole + plan.membership + plan.tasks
        pace = pace.after(now, plan)
    return calls


def test_an_unwatched_cluster_gets_one_call_a_second() -> None:
    assert _calls(60, watched=False) == 60


def test_a_watched_cluster_gets_fewer_than_two_calls_a_second() -> None:
    assert _calls(60, watched=True) == 100


def _asked(reach: Reach, seconds: float, *, hurried: bool = False) -> list[float]:
    """When a cluster that fails in this way is asked within so many seconds; no chance."""
    cluster, pace, times = Cluster(reach=reach), Pace(), []
    for tick in range(int(seconds)):
        now = 1000.0 + tick
        if pace.is_due(cluster, now, hurried=hurried):
            times.append(now - 1000.0)
            pace = pace.after_failure(now, reach, lambda _low, _high: 1.0)
    return times


def test_a_silent_cluster_is_asked_less_and_less_up_to_a_ceiling() -> None:
    assert _asked(Reach.UNREACHABLE, 150) == [0, 3, 9, 21, 45, 75, 105, 135]


def test_a_silent_cluster_is_asked_every_five_seconds_while_somebody_watches() -> None:
    assert _asked(Reach.UNREACHABLE, 20, hurried=True) == [0, 3, 8, 13, 18]


@pytest.mark.parametrize("reach", [Reach.REFUSED, Reach.CERTIFICATE, Reach.OTHER_CLUSTER])
def test_what_a_person_has_to_mend_is_retried_slowly_even_while_watched(reach: Reach) -> None:
    assert _asked(reach, 1200, hurried=True) == [0, 15, 45, 105, 225, 465, 765, 1065]


def test_a_way_that_an_administrator_changed_is_tried_at_once() -> None:
    pace = Pace().after_failure(1000.0, Reach.REFUSED)
    assert not pace.is_due(Cluster(reach=Reach.REFUSED), 1004.0, hurried=True)
    assert pace.is_due(Cluster(reach=Reach.NEVER), 1004.0, hurried=True)


def test_pauses_differ_by_a_fifth_so_that_clusters_do_not_fall_into_step() -> None:
    pauses = {Pace().after_failure(0.0, Reach.UNREACHABLE).rest_until for _ in range(50)}
    assert len(pauses) > 10
    assert all(2.4 <= pause <= 3.6 for pause in pauses)


def test_an_answer_ends_the_rest() -> None:
    pace = Pace().after_failure(1000.0, Reach.UNREACHABLE).recovered()
    assert (pace.failures, pace.failing_since) == (0, 0.0)
    assert pace.is_due(Cluster(reach=Reach.OK), 1003.0, hurried=False)


def test_an_uneven_tick_does_not_cost_a_round() -> None:
    cluster, pace = Cluster(reach=Reach.OK), Pace(looked_at=1000.0, round_at=1000.0)
    assert pace.is_due(cluster, 1002.8, hurried=False)
    assert pace.plan(1002.8).whole


def _task(kind: str, vmid: str, n: int) -> Task:
    raw = f"UPID:master:0000000{n}:00000000:6B03DC72:{kind}:{vmid}:root@pam:"
    return Task(upid=Upid.parse(raw), running=False, exit_status="OK")


def test_only_tasks_that_change_a_configuration_make_it_worth_reading_again() -> None:
    tasks = [_task("qmconfig", "100", 1), _task("qmstart", "101", 2), _task("qmmove", "102", 3)]
    ended = frozenset(task.upid.raw for task in tasks[:2])
    assert guests_touched(tasks, ended) == [100]
