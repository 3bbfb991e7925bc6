"""Which task is ours: type, guest, node and user, and not there before."""

from __future__ import annotations

import pytest

from hapanel.kernel.names import GuestType, Upid
from hapanel.operations.adoption import ours, target_in_log, task_types, tasks_of_guest
from hapanel.ports.cluster import Task

US = "panel@pve!ops"


def task(node: str = "master", kind: str = "qmigrate", vmid: int = 100, user: str = US) -> Task:
    raw = f"UPID:{node}:0000048A:000382CE:6B03DD9A:{kind}:{vmid}:{user}:"
    return Task(upid=Upid.parse(raw), running=True)


@pytest.mark.parametrize(
    "stranger", [task(node="slave"), task(kind="qmstop"), task(vmid=101)], ids=repr
)
def test_another_node_kind_or_guest_is_not_meant(stranger: Task) -> None:
    types = task_types(GuestType.QEMU)
    assert tasks_of_guest([stranger], vmid=100, node="master", types=types) == []


def test_somebody_else_s_task_is_not_ours() -> None:
    assert ours([task(user="root@pam"), task(user="panel@pve")], user=US, known=[]) == []


def test_a_task_that_was_there_before_is_not_ours() -> None:
    assert ours([task()], user=US, known=[task().upid.raw]) == []


def test_a_task_in_both_lists_counts_once() -> None:
    assert len(ours([task(), task()], user=US, known=[])) == 1


@pytest.mark.parametrize(
    ("line", "target"),
    [
        ("2031-02-03 10:00:00 starting migration of VM 104 to node 'pve3' (10.9.0.13)", "pve3"),
        ("Requesting HA migration for VM 100 to node slave", "slave"),
        ("2031-02-03 10:00:00 starting migration of CT 210 to node 'pve3' (10.9.0.13)", "pve3"),
        ("2031-02-03 10:00:02 start remote tunnel", None),
    ],
)
def test_the_log_says_where_it_goes(line: str, target: str | None) -> None:
    assert target_in_log([line]) == target
