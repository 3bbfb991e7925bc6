"""What may be done to a resource, said before DRBD is asked: with the copies and guests by name."""

from __future__ import annotations

import pytest

from hapanel.drbd.actions import Action, Scene, needs_name, refusals_of
from hapanel.drbd.circumstances import Circumstances
from hapanel.drbd.progress import Standing, differing, figures, standing
from hapanel.ports.replication import (
    NodeReplication,
    Pause,
    ReplicationState,
    ResourceState,
)
from tests.pure.drbd.stage import (
    ALONE,
    BAD,
    CONNECTING,
    SIAKAD,
    P,
    S,
    joined,
    peer,
    silent,
    split,
    told,
)

HEALTHY = (told("master", P, peer()), told("slave", S, peer(role=P)))
SYNCING = (
    told("master", P, peer(disk=BAD, state=ReplicationState.SYNC_SOURCE, oos=9, percent=40.0)),
    told(
        "slave", S, peer(role=P, state=ReplicationState.SYNC_TARGET, oos=9, percent=40.0), disk=BAD
    ),
)
HELD = (
    told("master", P, peer(disk=BAD, state=ReplicationState.PAUSED_SYNC_S, paused=(Pause.PEER,))),
    told(
        "slave",
        S,
        peer(role=P, state=ReplicationState.PAUSED_SYNC_T, paused=(Pause.USER,)),
        disk=BAD,
    ),
)
APART = (told("master", P, peer(CONNECTING, oos=4)), told("slave", S, peer(ALONE)))
BOTH_SECONDARY = (told("master", S, peer()), told("slave", S, peer()))
PEER_AWAY = (silent("master"), told("slave", S, peer(CONNECTING)))
GUESTS = Circumstances(guests=(SIAKAD,))


def codes(
    action: Action,
    node: str,
    nodes: tuple[NodeReplication, ...],
    *,
    given: Circumstances = GUESTS,
    active: tuple[str, ...] | None = None,
    confirm: str = "",
) -> list[str]:
    scene = Scene(node, joined(*nodes), given, ("vg_drbd",), active)
    return [one.code for one in refusals_of(action, scene, confirm=confirm)]


@pytest.mark.parametrize(
    ("action", "node", "nodes", "code"),
    [
        (Action.CONNECT, "slave", HEALTHY, "drbd-is-so"),
        (Action.CONNECT, "slave", split(), "drbd-splits-again"),
        (Action.CONNECT, "slave", APART, None),
        (Action.DISCONNECT, "slave", APART, "drbd-is-so"),
        (Action.DISCONNECT, "slave", HEALTHY, None),
        (Action.PRIMARY, "master", HEALTHY, "drbd-is-so"),
        (Action.PRIMARY, "slave", HEALTHY, None),
        (Action.PRIMARY, "slave", SYNCING, "drbd-old-data"),
        (Action.PRIMARY, "slave", APART, "drbd-old-data"),
        (Action.PRIMARY, "slave", PEER_AWAY, "drbd-peer-not-seen"),
        (Action.SECONDARY, "slave", HEALTHY, "drbd-is-so"),
        (Action.SECONDARY, "master", HEALTHY, "drbd-guests-run"),
        (Action.VERIFY, "slave", HEALTHY, None),
        (Action.VERIFY, "slave", SYNCING, "drbd-at-work"),
        (Action.VERIFY, "slave", APART, "drbd-not-connected"),
        (Action.INVALIDATE, "master", HEALTHY, "drbd-primary-here"),
        (Action.INVALIDATE, "slave", APART, "drbd-only-current-copy"),
        (Action.INVALIDATE, "slave", HEALTHY, "drbd-name-not-typed"),
        (Action.PAUSE_SYNC, "slave", HEALTHY, "drbd-no-sync"),
        (Action.PAUSE_SYNC, "slave", SYNCING, None),
        (Action.PAUSE_SYNC, "slave", HELD, "drbd-is-so"),
        (Action.PAUSE_SYNC, "master", HELD, None),
        (Action.RESUME_SYNC, "slave", HELD, None),
        (Action.RESUME_SYNC, "master", HELD, "drbd-is-so"),
        (Action.ADJUST, "slave", APART, None),
        (Action.DEACTIVATE, "master", HEALTHY, "drbd-guests-run"),
        (Action.DEACTIVATE, "slave", HEALTHY, None),
        (Action.ACTIVATE, "slave", HEALTHY, "drbd-not-primary"),
        (Action.RESIZE, "slave", HEALTHY, "drbd-resize"),
        (Action.VERIFY, "third", HEALTHY, "drbd-node-unknown"),
        (Action.VERIFY, "master", PEER_AWAY, "drbd-node-not-seen"),
    ],
)
def test_each_action_is_judged_by_what_both_sides_say(
    action: Action, node: str, nodes: tuple[NodeReplication, ...], code: str | None
) -> None:
    found = codes(action, node, nodes)
    assert found[:1] == ([code] if code else [])


def test_a_primary_without_a_link_hinders_a_second_one() -> None:
    apart = (told("master", P, peer(CONNECTING)), told("slave", S, peer(CONNECTING)))
    assert codes(Action.PRIMARY, "slave", apart) == ["drbd-would-split"]


def test_two_primaries_are_not_disconnected() -> None:
    both = (told("master", P, peer(role=P)), told("slave", P, peer(role=P)))
    assert codes(Action.DISCONNECT, "slave", both) == ["drbd-both-primary"]


def test_an_active_group_keeps_a_node_primary_and_no_guest_has_to_run_for_it() -> None:
    idle = Circumstances(guests=())
    names = ("vg_drbd",)
    assert codes(Action.SECONDARY, "master", HEALTHY, given=idle, active=names) == [
        "drbd-group-active"
    ]
    assert codes(Action.SECONDARY, "master", HEALTHY, given=idle, active=()) == []
    assert codes(Action.DEACTIVATE, "master", HEALTHY, given=idle, active=()) == ["drbd-is-so"]


def test_the_name_of_the_node_lets_pass_what_may_lose_data_and_nothing_else() -> None:
    assert codes(Action.INVALIDATE, "slave", HEALTHY, confirm=" slave ") == []
    assert codes(Action.INVALIDATE, "slave", HEALTHY, confirm="master") == ["drbd-name-not-typed"]
    assert codes(Action.INVALIDATE, "master", HEALTHY, confirm="master") == ["drbd-primary-here"]
    assert codes(Action.PRIMARY, "slave", PEER_AWAY, confirm="slave") == []
    assert not needs_name(Action.PRIMARY, Scene("slave", joined(*HEALTHY), GUESTS))


def test_both_secondary_may_invalidate_one_side_but_a_lone_copy_never() -> None:
    assert codes(Action.INVALIDATE, "slave", BOTH_SECONDARY, confirm="slave") == []
    assert codes(Action.INVALIDATE, "slave", PEER_AWAY, confirm="slave") == [
        "drbd-only-current-copy"
    ]


def state(nodes: tuple[NodeReplication, ...], node: str = "slave") -> ResourceState:
    found = next(one for one in nodes if one.node == node).status
    assert found is not None
    return found.resources[0]


@pytest.mark.parametrize(
    ("action", "nodes", "stands"),
    [
        (Action.CONNECT, SYNCING, Standing.WORKING),
        (Action.CONNECT, HEALTHY, Standing.REACHED),
        (Action.CONNECT, PEER_AWAY, Standing.WAITING),
        (Action.CONNECT, APART, Standing.NOT_YET),
        (Action.DISCONNECT, APART, Standing.REACHED),
        (Action.INVALIDATE, SYNCING, Standing.WORKING),
        (Action.INVALIDATE, HEALTHY, Standing.REACHED),
        (Action.PAUSE_SYNC, HELD, Standing.REACHED),
        (Action.PAUSE_SYNC, SYNCING, Standing.NOT_YET),
        (Action.RESUME_SYNC, SYNCING, Standing.WORKING),
        (Action.SECONDARY, HEALTHY, Standing.REACHED),
        (Action.PRIMARY, HEALTHY, Standing.NOT_YET),
    ],
)
def test_what_came_of_an_action_is_read_from_the_state(
    action: Action, nodes: tuple[NodeReplication, ...], stands: Standing
) -> None:
    assert standing(action, state(nodes)) is stands


def test_figures_are_those_of_the_running_sync() -> None:
    found = figures(state(SYNCING))
    assert found is not None
    assert (found.word, found.percent, found.is_held, found.is_verify) == (
        "SyncTarget",
        40.0,
        False,
        False,
    )
    held = figures(state(HELD))
    assert held is not None
    assert held.is_held
    assert figures(state(HEALTHY)) is None
    assert differing(state(SYNCING)) == 9 * 1024
