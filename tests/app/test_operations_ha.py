"""Changes of HA: judged, sent once, read back; and every crash on the way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from msgspec.structs import replace

from hapanel.accounts.models import User
from hapanel.audit.models import Entry
from hapanel.ha.change.wish import HaChange, Verb
from hapanel.kernel.clock import VirtualClock
from hapanel.kernel.refusal import Refused
from hapanel.operations import machine
from hapanel.operations.ha_change import plan_ha_change, request_ha_change
from hapanel.operations.models import Operation, State
from hapanel.operations.wishes import Asker, Via
from hapanel.operations.work import Work
from hapanel.ports.cluster import HaService
from hapanel.ports.errors import ClusterError, ServerFault, SignInRefused, Unreachable
from hapanel.ports.ha_changes import ResourceSettings, RuleSettings
from nodes.models import Cluster
from tests.fake_cluster import FakeCluster, FakeDoors, refuse
from vms.models import Guest, HaResource, HaRule

ADD = HaChange(verb=Verb.ADD_RESOURCE, key="vm:100", resource=ResourceSettings(max_restart=2))
REMOVE = HaChange(verb=Verb.REMOVE_RESOURCE, key="vm:100")
APART = RuleSettings(type="resource-affinity", resources=("vm:100", "ct:101"), affinity="negative")
LOST = Unreachable("connection cut", may_have_happened=True)


class Killed(BaseException):
    """The worker was killed here."""


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(timezone.now())


@pytest.fixture
def by_ada(ada: User) -> Asker:
    return Asker("ada", Via.API, ada)


@pytest.fixture
def bare(clusterubd: Cluster) -> Cluster:
    """The paper's cluster with nothing under HA and a QDevice."""
    Guest.objects.update(ha_state="")
    told = {"configured": True, "connected": True, "votes": 1, "casts_vote": True, "text": ""}
    # Seen for as long as a busy machine takes.
    later = timezone.now() + timedelta(minutes=5)
    Cluster.objects.update(observed_at=later, ha_seen_at=later)
    Cluster.objects.update(ha_armed_state="armed", qdevice=told, ha_manager_node="slave")
    clusterubd.refresh_from_db()
    return clusterubd


@pytest.fixture
def managed(bare: Cluster) -> Cluster:
    """The same with both guests under HA."""
    for sid in ("vm:100", "ct:101"):
        HaResource.objects.create(
            cluster=bare, sid=sid, state="started", request_state="started", node="master"
        )
    Guest.objects.update(ha_state="started")
    return bare


@pytest.fixture
def fake(clock: VirtualClock) -> FakeCluster:
    return FakeCluster(clock)


@pytest.fixture
def under_ha(fake: FakeCluster) -> FakeCluster:
    fake.ha_config = {
        sid: HaService(sid=sid, node=None, state="started", digest="d1")
        for sid in ("vm:100", "ct:101")
    }
    fake.armed = "armed"
    return fake


def run(operation: Operation, cluster: FakeCluster, seconds: float = 300) -> Operation:
    clock = cluster.clock
    end = clock.now() + timedelta(seconds=seconds)
    while clock.now() < end:
        try:
            wait = machine.advance(operation.pk, FakeDoors(cluster), clock)
        except Killed:
            wait = None
        operation.refresh_from_db()
        if operation.ended_at is not None or operation.state == State.NEEDS_ATTENTION:
            break
        clock.advance(1.0 if wait is None else max(wait, 0.05))
    return operation


def outcome(operation: Operation) -> str:
    assert operation.outcome is not None, operation.state
    return str(operation.outcome["code"])


def codes(operation: Operation) -> list[str]:
    return [entry.code for entry in operation.timeline.all()]


def refusal_codes(cluster: Cluster, change: HaChange) -> list[str]:
    return [refusal.code for refusal in plan_ha_change(cluster, change).refusals]


# The good way


def test_a_guest_is_put_under_ha_and_recorded_with_the_success(
    bare: Cluster, fake: FakeCluster, by_ada: Asker
) -> None:
    operation = run(request_ha_change(bare, ADD, by_ada), fake)
    assert operation.state == State.SUCCEEDED, operation.outcome
    assert fake.writes == [("add_ha_resource", "vm:100")]
    resource = HaResource.objects.get(sid="vm:100")
    assert (resource.node, resource.state, resource.max_restart) == ("master", "queued", 2)
    assert Guest.objects.get(vmid=100).ha_state == "started"
    assert operation.subject == "100 siakad"
    actions = set(Entry.objects.values_list("action", flat=True))
    assert {"ha_resource_add_requested", "ha_resource_add_ended"} <= actions


def test_what_was_promised_stays_with_the_operation(bare: Cluster, by_ada: Asker) -> None:
    operation = request_ha_change(bare, ADD, by_ada)
    said = [each.sentence() for each in operation.promise]
    assert said[0].startswith("100 siakad survives the loss of master: HA starts it on slave")
    assert operation.pk == Operation.objects.get().pk


def test_a_resource_is_changed_with_the_digest_that_was_judged(
    managed: Cluster, under_ha: FakeCluster, by_ada: Asker
) -> None:
    wish = HaChange(
        verb=Verb.CHANGE_RESOURCE,
        key="vm:100",
        resource=ResourceSettings(max_relocate=3, failback=False, comment="students"),
    )
    operation = run(request_ha_change(managed, wish, by_ada), under_ha)
    assert operation.state == State.SUCCEEDED, operation.outcome
    resource = HaResource.objects.get(sid="vm:100")
    assert (resource.max_relocate, resource.failback, resource.comment) == (3, False, "students")
    assert resource.state == "started"


def test_somebody_else_s_change_in_between_is_not_overwritten(
    managed: Cluster, under_ha: FakeCluster, by_ada: Asker
) -> None:
    def meddle(name: str) -> None:
        if name == "change_ha_resource":
            under_ha.ha_config["vm:100"] = replace(under_ha.ha_config["vm:100"], digest="d2")

    under_ha.before = meddle
    wish = HaChange(
        verb=Verb.CHANGE_RESOURCE, key="vm:100", resource=ResourceSettings(max_relocate=3)
    )
    operation = run(request_ha_change(managed, wish, by_ada), under_ha)
    assert outcome(operation) == "ha-change-refused"
    assert "detected modified configuration" in str(operation.outcome)


def test_a_guest_is_taken_out_and_leaves_its_rules(
    managed: Cluster, under_ha: FakeCluster, by_ada: Asker
) -> None:
    HaRule.objects.create(
        cluster=managed, rule="apart", type="resource-affinity", resources=["vm:100", "ct:101"]
    )
    operation = run(request_ha_change(managed, REMOVE, by_ada), under_ha)
    assert operation.state == State.SUCCEEDED, operation.outcome
    assert not HaResource.objects.filter(sid="vm:100").exists()
    assert Guest.objects.get(vmid=100).ha_state == ""
    assert not HaRule.objects.exists()  # as the cluster tells it


def test_a_rule_is_added_changed_and_removed(
    managed: Cluster, under_ha: FakeCluster, by_ada: Asker
) -> None:
    add = HaChange(verb=Verb.ADD_RULE, key="apart", rule=APART)
    assert run(request_ha_change(managed, add, by_ada), under_ha).state == State.SUCCEEDED
    assert HaRule.objects.get().affinity == "negative"
    change = HaChange(verb=Verb.CHANGE_RULE, key="apart", rule=RuleSettings(disabled=True))
    assert run(request_ha_change(managed, change, by_ada), under_ha).state == State.SUCCEEDED
    assert HaRule.objects.get().disabled
    remove = HaChange(verb=Verb.REMOVE_RULE, key="apart")
    assert run(request_ha_change(managed, remove, by_ada), under_ha).state == State.SUCCEEDED
    assert not HaRule.objects.exists()


def test_disarming_is_followed_until_the_manager_has_obeyed(
    managed: Cluster, under_ha: FakeCluster, by_ada: Asker
) -> None:
    wish = HaChange(verb=Verb.DISARM, mode="freeze")
    operation = run(request_ha_change(managed, wish, by_ada), under_ha)
    assert operation.state == State.SUCCEEDED, operation.outcome
    assert codes(operation).count("ha_waits") == 1
    managed.refresh_from_db()
    assert managed.ha_armed_state == "disarmed"
    arm = run(request_ha_change(managed, HaChange(verb=Verb.ARM), by_ada), under_ha)
    assert arm.state == State.SUCCEEDED, arm.outcome


# What goes wrong


def test_a_manager_that_is_not_at_work_may_still_obey(
    managed: Cluster, under_ha: FakeCluster, by_ada: Asker
) -> None:
    under_ha.obeys, under_ha.manager_state = False, "dead"
    wish = HaChange(verb=Verb.DISARM, mode="ignore")
    operation = run(request_ha_change(managed, wish, by_ada), under_ha)
    assert operation.state == State.NEEDS_ATTENTION
    assert outcome(operation) == "ha-manager-may-still-obey"
    under_ha.armed = "disarmed"
    under_ha.clock.advance(15)
    machine.advance(operation.pk, FakeDoors(under_ha), under_ha.clock)
    operation.refresh_from_db()
    assert operation.state == State.SUCCEEDED
    assert len(under_ha.writes) == 1


def test_a_manager_that_does_not_obey_is_told(
    managed: Cluster, under_ha: FakeCluster, by_ada: Asker
) -> None:
    under_ha.obeys = False
    wish = HaChange(verb=Verb.DISARM, mode="ignore")
    operation = run(request_ha_change(managed, wish, by_ada), under_ha)
    assert outcome(operation) == "ha-manager-did-not-obey"


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_lost_answer_is_settled_by_reading(
    bare: Cluster, fake: FakeCluster, by_ada: Asker, moment: str
) -> None:
    setattr(fake, moment, refuse("add_ha_resource", LOST))
    operation = run(request_ha_change(bare, ADD, by_ada), fake)
    assert "ha_answer_lost" in codes(operation)
    if moment == "after":
        assert operation.state == State.SUCCEEDED
        assert len(fake.writes) == 1
    else:
        assert outcome(operation) == "ha-change-not-arrived"
        assert fake.writes == []
        assert not HaResource.objects.exists()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ServerFault("create resource failed: cfs-lock 'domain-ha' error"), "ha-change-refused"),
        (SignInRefused("no such token"), "token-refused"),
    ],
)
def test_a_no_of_proxmox_keeps_its_words(
    bare: Cluster, fake: FakeCluster, by_ada: Asker, error: ClusterError, code: str
) -> None:
    fake.before = refuse("add_ha_resource", error)
    operation = run(request_ha_change(bare, ADD, by_ada), fake)
    assert outcome(operation) == code
    assert error.reason in str(operation.outcome)


def test_what_changed_meanwhile_is_judged_again(
    bare: Cluster, fake: FakeCluster, by_ada: Asker
) -> None:
    operation = request_ha_change(bare, ADD, by_ada)
    fake.ha_config["vm:100"] = HaService(sid="vm:100", node=None, state="started")
    assert outcome(run(operation, fake)) == "ha-already-managed"
    assert fake.writes == []


def test_a_change_that_is_undone_at_once_is_told(
    bare: Cluster, fake: FakeCluster, by_ada: Asker
) -> None:
    fake.after = lambda name: fake.ha_config.clear() if name == "add_ha_resource" else None
    operation = run(request_ha_change(bare, ADD, by_ada), fake)
    assert outcome(operation) == "ha-change-not-kept"


# Crashes: before and after each commit and each call


class Crasher:
    """Kills the worker at its n-th breath."""

    def __init__(self, n: int) -> None:
        self.left = n

    def breathe(self, _name: str = "") -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


def crash_at(n: int, monkeypatch: pytest.MonkeyPatch, cluster: FakeCluster) -> Crasher:
    crasher = Crasher(n)

    def around(name: str) -> Callable[..., object]:
        original = getattr(Work, name)

        def crashing(self: Work, *args: object, **more: object) -> object:
            crasher.breathe()
            done = original(self, *args, **more)
            crasher.breathe()
            return done

        return crashing

    for name in ("commit", "take_the_right_to_send"):
        monkeypatch.setattr(Work, name, around(name))
    cluster.before = cluster.after = crasher.breathe
    return crasher


@pytest.mark.parametrize("verb", [Verb.ADD_RESOURCE, Verb.REMOVE_RESOURCE, Verb.ADD_RULE])
def test_a_crash_anywhere_sends_at_most_once_and_ends(
    managed: Cluster,
    clock: VirtualClock,
    by_ada: Asker,
    monkeypatch: pytest.MonkeyPatch,
    verb: Verb,
) -> None:
    """Every single point, until one comes after the end."""
    entries = ("vm:100", "ct:101") if verb is not Verb.ADD_RESOURCE else ("ct:101",)
    HaResource.objects.exclude(sid__in=entries).delete()
    rule = APART if verb is Verb.ADD_RULE else RuleSettings()
    wish = HaChange(verb=verb, key="apart" if rule.type else "vm:100", rule=rule)
    asked = request_ha_change(managed, wish, by_ada)
    asked.delete()
    n, is_spent = 0, True
    while is_spent:
        n += 1
        fake = FakeCluster(clock)
        fake.ha_config = {sid: HaService(sid=sid, node=None, state="started") for sid in entries}
        operation = Operation.objects.create(
            kind=asked.kind, cluster=managed, params=asked.params, look_at=clock.now()
        )
        with monkeypatch.context() as patch:
            crasher = crash_at(n, patch, fake)
            run(operation, fake)
        is_spent = crasher.left <= 0
        assert len(fake.writes) <= 1, n
        if operation.state == State.SUCCEEDED:
            assert len(fake.writes) == 1, n
        else:
            # Killed between the right to send and the request: read, found unchanged, and said so.
            assert outcome(operation) == "ha-change-not-arrived", n
            assert fake.writes == [], n
    assert n > 15


# Refusals


def test_each_no_has_its_reason(managed: Cluster) -> None:
    HaRule.objects.create(
        cluster=managed, rule="pin", type="node-affinity", resources=["vm:100"], nodes=["master"]
    )
    pinned = RuleSettings(type="node-affinity", resources=("vm:100",), nodes=("slave",))
    cases = [
        (HaChange(verb=Verb.ADD_RESOURCE, key="vm:100"), "ha-already-managed"),
        (HaChange(verb=Verb.ADD_RESOURCE, key="vm:999"), "unknown-guest"),
        (HaChange(verb=Verb.ADD_RESOURCE, key="ct:100"), "unknown-guest"),
        (HaChange(verb=Verb.REMOVE_RESOURCE, key="vm:999"), "ha-not-managed"),
        (HaChange(verb=Verb.CHANGE_RESOURCE, key="vm:100"), "ha-nothing-to-change"),
        (
            HaChange(
                verb=Verb.CHANGE_RESOURCE,
                key="vm:100",
                resource=ResourceSettings(state="started", max_restart=1),
            ),
            "ha-already-so",
        ),
        (HaChange(verb=Verb.ADD_RULE, key="pin", rule=pinned), "ha-rule-exists"),
        (HaChange(verb=Verb.ADD_RULE, key="2", rule=pinned), "ha-rule-bad-name"),
        (HaChange(verb=Verb.ADD_RULE, key="again", rule=pinned), "ha-rule-conflict"),
        (
            HaChange(verb=Verb.ADD_RULE, key="r", rule=replace(pinned, nodes=("attic",))),
            "ha-rule-unknown-node",
        ),
        (
            HaChange(verb=Verb.ADD_RULE, key="r", rule=replace(pinned, resources=("vm:7",))),
            "ha-rule-unmanaged-resource",
        ),
        (
            HaChange(verb=Verb.ADD_RULE, key="r", rule=replace(pinned, nodes=())),
            "ha-rule-incomplete",
        ),
        (
            HaChange(verb=Verb.ADD_RULE, key="r", rule=replace(APART, strict=True)),
            "ha-rule-foreign-setting",
        ),
        (
            HaChange(verb=Verb.CHANGE_RULE, key="pin", rule=replace(APART)),
            "ha-rule-type-fixed",
        ),
        (HaChange(verb=Verb.CHANGE_RULE, key="none", rule=APART), "ha-rule-unknown"),
        (HaChange(verb=Verb.REMOVE_RULE, key="none"), "ha-rule-unknown"),
        (HaChange(verb=Verb.ARM), "ha-already-armed"),
    ]
    for change, code in cases:
        assert code in refusal_codes(managed, change), change


def test_what_hinders_the_cluster_hinders_every_change(managed: Cluster) -> None:
    cases: dict[str, dict[str, Any]] = {
        "ha-needs-sys-console": {"missing_privileges": ["Sys.Console"]},
        "watch-only": {"mode": "watch"},
        "no-quorum": {"quorate": False},
        "cluster-stale": {"observed_at": timezone.now() - timedelta(minutes=9)},
    }
    for code, said in cases.items():
        before = {name: getattr(managed, name) for name in said}
        Cluster.objects.update(**said)
        assert code in refusal_codes(Cluster.objects.get(), REMOVE)
        Cluster.objects.update(**before)


def test_before_pve_9_there_are_groups_and_no_disarming(managed: Cluster) -> None:
    rule = HaChange(verb=Verb.ADD_RULE, key="apart", rule=APART)
    HaResource.objects.filter(sid="vm:100").update(group="pair")
    assert "ha-groups-not-migrated" in refusal_codes(managed, rule)
    Cluster.objects.update(pve_version="8.4.1", ha_armed_state="")
    old = Cluster.objects.get()
    assert "ha-rules-unknown-version" in refusal_codes(old, rule)
    assert "ha-arming-unsupported" in refusal_codes(old, HaChange(verb=Verb.DISARM, mode="freeze"))


def test_in_error_only_disabled_is_taken(managed: Cluster) -> None:
    HaResource.objects.filter(sid="vm:100").update(state="error")

    def wish(state: str) -> HaChange:
        return HaChange(
            verb=Verb.CHANGE_RESOURCE, key="vm:100", resource=ResourceSettings(state=state)
        )

    assert "ha-resource-in-error" in refusal_codes(managed, wish("stopped"))
    assert refusal_codes(managed, wish("disabled")) == []


def test_two_changes_of_the_same_thing_do_not_meet(managed: Cluster, by_ada: Asker) -> None:
    first = request_ha_change(managed, REMOVE, by_ada)
    with pytest.raises(Refused) as refused:
        request_ha_change(managed, REMOVE, by_ada)
    assert [each.code for each in refused.value.refusals] == ["ha-change-in-progress"]
    assert refused.value.refusals[0].params["operation"] == first.pk


# What is foretold


def test_without_a_third_vote_the_promise_is_not_made(bare: Cluster) -> None:
    Cluster.objects.update(qdevice={"configured": False, "votes": 0, "text": ""})
    plan = plan_ha_change(Cluster.objects.get(), ADD)
    assert plan.effects is not None
    said = [each.sentence() for each in plan.effects.differences]
    assert any(
        each.startswith("100 siakad still does not survive the loss of master") for each in said
    )
    assert all("siakad survives" not in each for each in said)


def test_disarming_says_what_is_lost(managed: Cluster) -> None:
    plan = plan_ha_change(managed, HaChange(verb=Verb.DISARM, mode="freeze"))
    assert [each.code for each in plan.warnings] == ["ha-disarm-freezes"]
    assert plan.effects is not None
    said = plan.effects.differences[0].sentence()
    assert said.startswith("100 siakad, 101 elearning no longer survive the loss of master.")
    assert "disarmed" in said


def test_a_rule_that_moves_a_guest_says_so(managed: Cluster) -> None:
    rule = RuleSettings(type="node-affinity", resources=("vm:100",), nodes=("slave",), strict=True)
    plan = plan_ha_change(managed, HaChange(verb=Verb.ADD_RULE, key="pin", rule=rule))
    assert [each.code for each in plan.warnings] == ["ha-moves-guest"]
    assert plan.effects is not None
    said = [each.sentence() for each in plan.effects.differences]
    assert any("100 siakad no longer survives the loss of slave" in each for each in said)


def test_taking_out_says_that_nobody_starts_it(managed: Cluster) -> None:
    plan = plan_ha_change(managed, REMOVE)
    assert [each.code for each in plan.warnings] == ["ha-guest-runs-on"]
    assert plan.effects is not None
    assert plan.effects.differences[0].severity == "danger"
