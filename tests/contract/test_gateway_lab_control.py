"""The way to a lab's control, against a running lab: every switch that the Lab page has."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from hapanel.gateways.lab_control import LabControlGateway
from hapanel.lab.faults import Misbehaviour
from hapanel.operations.switch_lab import LabWish, Switch
from hapanel.ports.errors import BadRequest, Garbage, SignInRefused, Unreachable
from hapanel.ports.lab import API_FAULTS, LabPicture
from tests.contract.lab_process import LabProcess


@pytest.fixture(scope="module")
def lab() -> Iterator[LabProcess]:
    process = LabProcess("clusterubd-qdevice", speed=60)
    yield process
    process.close()


@pytest.fixture
def control(lab: LabProcess) -> LabControlGateway:
    return LabControlGateway(lab.ready["control_url"], lab.ready["control_token"])


def obeyed(control: LabControlGateway, wish: LabWish) -> LabPicture:
    for action, *args in wish.orders(control.look()):
        control.do(action, *args)
    end = time.monotonic() + 20
    while not wish.is_done(
        picture := control.look()
    ):  # the HA manager hears of it in its next round
        assert time.monotonic() < end, (wish, picture)
        time.sleep(0.05)
    return picture


def test_the_lab_tells_where_it_is_and_what_runs_where(
    lab: LabProcess, control: LabControlGateway
) -> None:
    picture = control.look()
    assert {name: node.address for name, node in picture.nodes.items()} == lab.hosts
    assert picture.guests["100"].runs_on == "master"
    assert (picture.qdevice, picture.speed) == ("on", 60)
    assert all(node.quorate and node.has_power for node in picture.nodes.values())


@pytest.mark.parametrize("network", ["cluster", "replication", "all"])
def test_cables_are_cut_and_plugged_in(control: LabControlGateway, network: str) -> None:
    obeyed(control, LabWish(Switch.CUT, "slave", network))
    obeyed(control, LabWish(Switch.HEAL, "slave", network))


def test_maintenance_and_the_qdevice_go_on_and_off(control: LabControlGateway) -> None:
    for switch in (Switch.MAINTENANCE_ON, Switch.MAINTENANCE_OFF):
        obeyed(control, LabWish(switch, "slave"))
    for switch in (Switch.QDEVICE_OFF, Switch.QDEVICE_ON):
        obeyed(control, LabWish(switch))


def test_every_api_fault_is_one_that_the_lab_knows(control: LabControlGateway) -> None:
    assert set(API_FAULTS) == {each.value for each in Misbehaviour}
    for fault, unit in API_FAULTS.items():
        obeyed(control, LabWish(Switch.API, "slave", fault=fault, amount=500 if unit else None))
    obeyed(control, LabWish(Switch.API, "slave", fault="ok"))


def test_power_goes_and_comes_back(control: LabControlGateway) -> None:
    picture = obeyed(control, LabWish(Switch.CRASH, "slave"))
    assert picture.nodes["slave"].power == "off"
    obeyed(control, LabWish(Switch.POWER_ON, "slave"))


def test_a_no_is_quoted_and_silence_is_told_apart(
    lab: LabProcess, control: LabControlGateway
) -> None:
    with pytest.raises(BadRequest, match="no node 'nobody'"):
        control.do("crash", "nobody")
    with pytest.raises(SignInRefused):
        LabControlGateway(control.url, "wrong").look()
    assert "wrong" not in repr(LabControlGateway(control.url, "wrong"))
    with pytest.raises(Unreachable) as refused:
        LabControlGateway("http://127.0.0.1:9", "x").do("crash", "master")
    assert not refused.value.may_have_happened
    with pytest.raises((Garbage, Unreachable)):
        LabControlGateway(f"http://{lab.hosts['master']}:8006", "x").look()
