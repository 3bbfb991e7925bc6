"""Clients that were not written for the lab do there what they do on Proxmox, unchanged.

docs/lab.md says how those were tried that do not come from the Python package index.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from proxmoxer import ProxmoxAPI
from proxmoxer.tools import Tasks

from tests.contract.lab_process import LabProcess, eventually, running
from tests.contract.other_clients import PveControl, exporting, install_pvecontrol

SPEED = 300


@pytest.fixture(scope="module")
def lab() -> Iterator[LabProcess]:
    """The campus, for all of them."""
    with running("campus", SPEED) as lab:
        yield lab


def test_pvecontrol_lists_the_cluster_and_evacuates_a_node(
    lab: LabProcess, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    assert pytestconfig.cache is not None
    client = PveControl(install_pvecontrol(pytestconfig.cache), lab, tmp_path)
    assert {row["node"] for row in client.ask("node", "list")} == set(lab.hosts)
    machines = {row["vmid"]: row["node"] for row in client.ask("vm", "list")}
    assert len(machines) == 31
    # One is switched off, one outside HA, two are under HA with disks on that node alone.
    leaving = [vmid for vmid, node in machines.items() if node == "ubd-c1"]
    assert leaving == [254, 305, 306, 311]
    said = client.run("node", "evacuate", "ubd-c1", "ubd-a1", "--online", "--no-skip-stopped")
    assert len(re.findall("^Migrating VM", said, re.MULTILINE)) == len(leaving)
    eventually(lambda: _nodes_of(lab, leaving) == {"ubd-a1"}, seconds=60)


def _nodes_of(lab: LabProcess, vmids: list[int]) -> set[str]:
    rows = lab.ask("GET", "/cluster/resources", {"type": "vm"}).data
    return {row["node"] for row in rows if row["vmid"] in vmids}


def _proxmoxer(lab: LabProcess) -> ProxmoxAPI:
    host = next(iter(lab.hosts.values()))
    client = ProxmoxAPI(
        host, user="root@pam", password=lab.ready["root_password"], verify_ssl=lab.ready["ca_file"]
    )
    client._store["session"].trust_env = False
    return client


def test_proxmoxer_writes_ha_rules_and_migrates_through_ha(lab: LabProcess) -> None:
    client = _proxmoxer(lab)
    apart = {"type": "resource-affinity", "affinity": "negative", "resources": "vm:252,ct:250"}
    client.cluster.ha.rules.post(rule="web-apart", **apart)
    rules = {rule["rule"]: rule for rule in client.cluster.ha.rules.get()}
    assert set(rules["web-apart"]["resources"].split(",")) == {"vm:252", "ct:250"}
    client.cluster.ha.rules("web-apart").delete()
    client.nodes("ubd-a2").lxc(250).migrate.post(target="ubd-b2", restart=1)

    def has_moved() -> bool:
        guest = next(g for g in client.cluster.resources.get(type="vm") if g["vmid"] == 250)
        return (guest["node"], guest["hastate"]) == ("ubd-b2", "started")

    eventually(has_moved, seconds=30)


def _ended(client: ProxmoxAPI, upid: str) -> str:
    return str(Tasks.blocking_status(client, upid, 60, 0.1)["exitstatus"])


def test_proxmoxer_backs_up_restores_elsewhere_and_clears_up(lab: LabProcess) -> None:
    client = _proxmoxer(lab)
    row = next(r for r in client.cluster.resources.get(type="vm") if r["vmid"] == 211)
    upid = client.nodes(row["node"]).vzdump.post(vmid=211, storage="nas", compress="zstd")
    assert _ended(client, upid) == "OK"
    other = next(node for node in lab.hosts if node != row["node"])
    content = client.nodes(other).storage("nas").content
    (archive,) = content.get(content="backup", vmid=211)
    upid = client.nodes(other).qemu.post(
        vmid=911, archive=archive["volid"], storage="nas", unique=1, name="tried"
    )
    assert _ended(client, upid) == "OK"
    config = client.nodes(other).qemu(911).config.get()
    assert (config["name"], config["scsi0"]) == ("tried", "nas:911/vm-911-disk-0.raw,size=60G")
    assert _ended(client, client.nodes(other).qemu(911).delete()) == "OK"
    volume = archive["volid"].replace("/", "%2F")  # as Proxmox's own pages write it
    assert content(volume).delete(delay=20) is None
    assert content.get(content="backup", vmid=211) == []


def test_the_prometheus_exporter_exports_every_guest_node_and_ha_state(
    lab: LabProcess, tmp_path: Path
) -> None:
    with exporting(lab, tmp_path) as exporter:
        first, last = next(iter(lab.hosts.values())), list(lab.hosts)[-1]
        told = exporter.metrics(first)
        rows = lab.ask("GET", "/cluster/resources", {"type": "vm"}).data
        for row in rows:
            key = f'id="{row["id"]}"'
            assert told[f"pve_up{{{key}}}"] == (row["status"] == "running")
            assert told[f"pve_memory_size_bytes{{{key}}}"] == row["maxmem"]
            if "hastate" in row:
                assert told[f'pve_ha_state{{{key},state="started"}}'] == 1
        assert told['pve_up{id="cluster/campus"}'] == 1
        assert sum(name.startswith("pve_node_info") for name in told) == len(lab.hosts)
        lab.ctl("crash", last)  # the last test of this file: HA moves the guests of that node
        node = f'pve_up{{id="node/{last}"}}'
        eventually(lambda: exporter.metrics(first)[node] == 0)
