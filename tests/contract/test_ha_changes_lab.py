"""HA changed on a living cluster: what is written is read back, Proxmox's words come through."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from hapanel.gateways.proxmox import ProxmoxGateway
from hapanel.ha.change.configuration import Configuration, is_shown
from hapanel.ha.change.wish import HaChange, Verb
from hapanel.ports.endpoint import Credentials, Endpoint
from hapanel.ports.errors import BadRequest, PermissionMissing, ServerFault
from hapanel.ports.ha_changes import ResourceSettings, RuleSettings
from tests.contract.lab_process import LabProcess, eventually, running

APART = RuleSettings(type="resource-affinity", affinity="negative", resources=("vm:100", "ct:101"))


@pytest.fixture(scope="module")
def lab() -> Iterator[LabProcess]:
    with running("clusterubd-qdevice", 30) as lab:
        yield lab


def gateway_of(lab: LabProcess, prefix: str = "") -> ProxmoxGateway:
    return ProxmoxGateway(
        Endpoint(
            addresses=[node["url"] for node in lab.ready["nodes"]],
            credentials=Credentials(
                token_id=lab.ready[f"{prefix}token_id"],
                token_secret=lab.ready[f"{prefix}token_secret"],
            ),
            ca_pem=lab.ready["ca"],
        )
    )


@pytest.fixture
def gateway(lab: LabProcess) -> Iterator[ProxmoxGateway]:
    made = gateway_of(lab)
    yield made
    made.close()


def shows(gateway: ProxmoxGateway, change: HaChange) -> bool:
    found = Configuration(
        resources=gateway.ha_services(),
        rules=gateway.ha_rules(),
        armed=gateway.ha_status().armed_state or "",
    )
    return is_shown(found, change)


def test_a_resource_is_removed_added_and_changed(gateway: ProxmoxGateway) -> None:
    remove = HaChange(verb=Verb.REMOVE_RESOURCE, key="vm:100")
    assert not shows(gateway, remove)
    gateway.remove_ha_resource("vm:100")
    assert shows(gateway, remove)
    with pytest.raises(ServerFault, match="not HA managed"):
        gateway.remove_ha_resource("vm:100")
    add = HaChange(
        verb=Verb.ADD_RESOURCE,
        key="vm:100",
        resource=ResourceSettings(state="started", max_restart=2, failback=False, comment="siakad"),
    )
    gateway.add_ha_resource("vm:100", add.resource)
    assert shows(gateway, add)
    with pytest.raises(ServerFault, match="already defined"):
        gateway.add_ha_resource("vm:100", ResourceSettings())
    with pytest.raises(ServerFault, match="does not exist in cluster"):
        gateway.add_ha_resource("vm:999", ResourceSettings())
    change = HaChange(
        verb=Verb.CHANGE_RESOURCE,
        key="vm:100",
        resource=ResourceSettings(max_restart=1, failback=True, comment=""),
    )
    digest = next(each.digest for each in gateway.ha_services() if each.sid == "vm:100")
    assert digest
    gateway.change_ha_resource("vm:100", change.resource, digest)
    assert shows(gateway, change)
    with pytest.raises(ServerFault, match="detected modified configuration"):
        gateway.change_ha_resource("vm:100", ResourceSettings(max_restart=5), digest)


def test_rules_are_kept_or_refused_in_proxmox_s_words(gateway: ProxmoxGateway) -> None:
    gateway.add_ha_rule("apart", replace(APART, disabled=True))
    assert shows(gateway, HaChange(verb=Verb.ADD_RULE, key="apart", rule=APART))
    (rule,) = gateway.ha_rules()
    assert rule.disabled
    change = RuleSettings(type=APART.type, disabled=False, comment="two kinds of load")
    gateway.change_ha_rule("apart", change, rule.digest)
    assert shows(gateway, HaChange(verb=Verb.CHANGE_RULE, key="apart", rule=change))
    with pytest.raises(ServerFault, match="already defined"):
        gateway.add_ha_rule("apart", APART)
    pinned = RuleSettings(type="node-affinity", resources=("vm:100",), nodes=("attic:2",))
    with pytest.raises(ServerFault, match="non-existent node"):
        gateway.add_ha_rule("pin", pinned)
    both_ways = replace(APART, affinity="positive")
    with pytest.raises(ServerFault, match="is invalid"):
        gateway.add_ha_rule("together", both_ways)
    with pytest.raises(BadRequest, match="nodes"):
        gateway.add_ha_rule("pin", RuleSettings(type="node-affinity", resources=("vm:100",)))
    gateway.remove_ha_rule("apart")
    assert gateway.ha_rules() == ()


def test_ha_is_disarmed_and_armed_when_the_manager_comes_to_it(gateway: ProxmoxGateway) -> None:
    gateway.disarm_ha("freeze")
    eventually(lambda: shows(gateway, HaChange(verb=Verb.DISARM)), seconds=30)
    gateway.arm_ha()
    eventually(lambda: shows(gateway, HaChange(verb=Verb.ARM)), seconds=30)


def test_a_token_that_only_watches_is_told_the_privilege(lab: LabProcess) -> None:
    watching = gateway_of(lab, "watch_")
    with pytest.raises(PermissionMissing, match=r"Sys\.Console"):
        watching.disarm_ha("freeze")
    watching.close()
