"""What is written can be read, has its effect, and is refused in Proxmox's words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from hapanel.lab.net.http import Response
from tests.pure.lab.asking import Client
from tests.pure.lab.stories import Story
from tests.pure.lab.virtual_time import play

Scene = Callable[[Story, Client], Awaitable[None]]


def scene(act: Scene, scenario: str = "clusterubd") -> None:
    """Plays it in a fresh story."""

    async def run() -> None:
        story = Story(scenario)
        await act(story, Client(story))

    play(run())


class As:
    """The master's API for one caller, in short words."""

    def __init__(self, client: Client, headers: dict[str, str] | None = None) -> None:
        self._client, self._headers = client, headers

    async def ask(self, method: str, path: str, /, **form: object) -> Response:
        return await self._client.ask("master", method, path, form, self._headers)

    async def get(self, path: str, /, **form: object) -> Any:
        return await self.do("GET", path, **form)

    async def do(self, method: str, path: str, /, **form: object) -> Any:
        answer = await self.ask(method, path, **form)
        assert answer.status == 200, (method, path, answer)
        return msgspec.json.decode(answer.body)["data"]

    async def refused(self, method: str, path: str, /, **form: object) -> tuple[int, str]:
        answer = await self.ask(method, path, **form)
        return answer.status, answer.reason

    async def faults(self, method: str, path: str, /, **form: object) -> Any:
        answer = await self.ask(method, path, **form)
        assert answer.status == 400, answer
        return msgspec.json.decode(answer.body)["errors"]


async def ended(story: Story, root: As, upid: str) -> str:
    """Exit status of a task."""
    await story.until(lambda: not story.world.tasks.find(upid).is_running)  # type: ignore[union-attr]
    return str((await root.get(f"/nodes/master/tasks/{upid}/status"))["exitstatus"])


def test_a_user_gets_rights_by_a_group_and_loses_them_with_it() -> None:
    async def act(story: Story, client: Client) -> None:
        root = As(client)
        await root.do("POST", "/access/groups", groupid="staff", comment="helpers")
        await root.do("POST", "/access/users", userid="eve@pve", groups="staff", email="e@x.id")
        await root.do("PUT", "/access/acl", path="/", groups="staff", roles="PVEAuditor")
        made = await root.do("POST", "/access/users/eve@pve/token/tk", privsep=0)
        eve = As(client, {"authorization": f"PVEAPIToken=eve@pve!tk={made['value']}"})
        assert len(await eve.get("/cluster/status")) == 3
        group = await root.get("/access/groups/staff")
        assert group == {"comment": "helpers", "members": ["eve@pve"]}
        assert (await root.get("/access/users/eve@pve"))["groups"] == ["staff"]
        await root.do("PUT", "/access/users/eve@pve", groups="")
        assert await eve.refused("GET", "/cluster/status") == (
            403, "Permission check failed (/, Sys.Audit)",
        )  # fmt: skip
        await root.do("DELETE", "/access/groups/staff")
        assert all(row["ugid"] != "staff" for row in await root.get("/access/acl"))

    scene(act)


def test_an_entry_of_ones_own_replaces_those_of_ones_groups() -> None:
    async def act(story: Story, client: Client) -> None:
        root, accounts = As(client), story.world.accounts
        await root.do("POST", "/access/groups", groupid="staff")
        await root.do("POST", "/access/users", userid="eve@pve", groups="staff")
        await root.do("PUT", "/access/acl", path="/vms", groups="staff", roles="PVEVMAdmin")
        await root.do("PUT", "/access/acl", path="/vms", users="eve@pve", roles="PVEAuditor")
        held = await root.get("/access/permissions", userid="eve@pve", path="/vms/100")
        assert set(held["/vms/100"]) == accounts.roles["PVEAuditor"]

    scene(act)


def test_who_may_allocate_guests_hands_out_no_more_than_he_holds() -> None:
    async def act(story: Story, client: Client) -> None:
        root, grant = As(client), {"path": "/vms/100", "users": "hal@pve"}
        for user in ("eve@pve", "hal@pve"):
            await root.do("POST", "/access/users", userid=user)
        await root.do("PUT", "/access/acl", path="/vms", users="eve@pve", roles="PVEVMAdmin")
        made = await root.do("POST", "/access/users/eve@pve/token/tk", privsep=0)
        eve = As(client, {"authorization": f"PVEAPIToken=eve@pve!tk={made['value']}"})
        await eve.do("PUT", "/access/acl", **grant, roles="PVEVMUser")
        assert await eve.faults("PUT", "/access/acl", **grant, roles="PVEAuditor") == {
            "role": "Cannot add role 'PVEAuditor' - requires 'Permissions.Modify' or superset of"
            " privileges."
        }
        grant["path"] = "/"
        assert (await eve.refused("PUT", "/access/acl", **grant, roles="PVEVMUser"))[0] == 403

    scene(act)


def test_a_regenerated_token_answers_to_its_new_secret_alone() -> None:
    async def act(story: Story, client: Client) -> None:
        root, path = As(client), "/access/users/root@pam/token/tk"
        old = (await root.do("POST", path, privsep=0))["value"]
        new = (await root.do("PUT", path, regenerate=1, comment="again"))["value"]
        for secret, status in ((old, 401), (new, 200)):
            headers = {"authorization": f"PVEAPIToken=root@pam!tk={secret}"}
            assert (await As(client, headers).ask("GET", "/version")).status == status
        assert (await root.get(path))["comment"] == "again"
        assert await root.faults("PUT", path, delete="nothing") == {
            "delete": "unknown option 'nothing'"
        }

    scene(act)


def test_a_password_is_changed_and_signs_in() -> None:
    async def act(story: Story, client: Client) -> None:
        root = As(client)
        await root.do("POST", "/access/users", userid="eve@pve", password="first-one")
        await root.do("PUT", "/access/password", userid="eve@pve", password="second-one")
        nobody = As(client, {})
        form = {"username": "eve@pve", "password": "second-one"}
        assert (await nobody.do("POST", "/access/ticket", **form))["username"] == "eve@pve"
        assert (
            await nobody.ask("POST", "/access/ticket", **form | {"password": "first-one"})
        ).status == 401

    scene(act)


def test_roles_of_ones_own_can_be_changed_and_built_in_ones_not() -> None:
    async def act(story: Story, client: Client) -> None:
        root = As(client)
        await root.do("POST", "/access/roles", roleid="Own", privs="VM.Audit")
        await root.do("PUT", "/access/roles/Own", privs="Sys.Audit", append=1)
        assert await root.get("/access/roles/Own") == {"VM.Audit": 1, "Sys.Audit": 1}
        await root.do("DELETE", "/access/roles/Own")
        assert await root.refused("GET", "/access/roles/Own") == (500, "role 'Own' does not exist")
        assert await root.refused("DELETE", "/access/roles/PVEAdmin") == (
            500, "auto-generated role 'PVEAdmin' cannot be deleted",
        )  # fmt: skip
        assert await root.faults("PUT", "/access/roles/NoAccess", append=1) == {
            "privs": "missing property required by 'append'"
        }

    scene(act)


def test_the_datacenters_options_are_kept_shown_in_parts_and_heeded() -> None:
    async def act(story: Story, client: Client) -> None:
        root = As(client)
        await root.do(
            "PUT", "/cluster/options", description="hi", migration="secure,network=10.0.0.0/8",
            **{"next-id": "lower=500,upper=600", "registered-tags": "b;a", "max_workers": 3},
        )  # fmt: skip
        options = await root.get("/cluster/options")
        assert options["description"] == "hi\n"
        assert options["migration"] == {"type": "secure", "network": "10.0.0.0/8"}
        assert options["max_workers"] == 3
        assert options["allowed-tags"] == options["registered-tags"] == ["a", "b"]
        assert await root.get("/cluster/nextid") == "500"
        await root.do("PUT", "/cluster/options", delete="next-id,description")
        assert await root.get("/cluster/nextid") == "102"
        assert (await root.get("/cluster/options"))["description"] == ""

    scene(act)


@pytest.mark.parametrize(
    ("option", "value", "fault"),
    [
        ("crs", "ha=bogus", "crs.ha: value 'bogus' does not have a value in the enumeration"),
        ("crs", "ha-auto-rebalance-margin=5", "required by 'crs.ha-auto-rebalance-margin'"),
        ("migration", "insecure,network=10.0.0", "network: invalid format - value does not look"),
        ("next-id", "upper=many", "next-id.upper: type check ('integer') failed - got 'many'"),
        ("tag-style", "bogus=1", "invalid key in comma-separated list property: bogus"),
    ],
)
def test_what_a_property_string_of_the_datacenter_forbids_is_told(
    option: str, value: str, fault: str
) -> None:
    async def act(story: Story, client: Client) -> None:
        root = As(client)
        found = await root.faults("PUT", "/cluster/options", **{option: value})
        assert fault in found[option]
        assert option not in await root.get("/cluster/options")

    scene(act)


def test_a_storage_is_added_changed_disabled_and_forgotten() -> None:
    async def act(story: Story, client: Client) -> None:
        root = As(client)
        form = {
            "storage": "scratch",
            "type": "dir",
            "path": "/srv/scratch",
            "content": "images,iso",
        }
        assert await root.do("POST", "/storage", **form) == {"storage": "scratch", "type": "dir"}
        rows = await root.get("/cluster/resources", type="storage")
        assert {r["node"] for r in rows if r["storage"] == "scratch"} == {"master", "slave"}
        digest = (await root.get("/storage/scratch"))["digest"]
        await root.do("PUT", "/storage/scratch", nodes="slave", digest=digest)
        assert await root.refused("GET", "/nodes/master/storage/scratch/content") == (
            500, "storage 'scratch' is not available on node 'master'",
        )  # fmt: skip
        status, reason = await root.refused("PUT", "/storage/scratch", disable=1, digest=digest)
        assert (status, reason.split(" - ")[0]) == (
            500, "update storage failed: detected modified configuration",
        )  # fmt: skip
        await root.do("PUT", "/storage/scratch", disable=1, delete="nodes")
        (row,) = await root.get("/nodes/master/storage", storage="scratch")
        assert (row["active"], row["enabled"], row["total"]) == (0, 0, 0)
        await root.do("DELETE", "/storage/scratch")
        assert await root.refused("DELETE", "/storage/scratch") == (
            500, "delete storage failed: storage 'scratch' does not exist",
        )  # fmt: skip

    scene(act)


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"type": "dir"}, "missing value for required option 'path'"),
        ({"type": "dir", "path": "/x", "vgname": "vg"}, "unexpected property 'vgname'"),
        (
            {"type": "dir", "path": "/x", "content": "wood"},
            "storage does not support content type 'wood'",
        ),
        (
            {"type": "nfs", "server": "10.9.9.9", "export": "/x"},
            "create storage failed: storage 'new' is not online",
        ),
        (
            {"type": "lvm", "vgname": "nowhere"},
            "create storage failed: no such volume group 'nowhere'",
        ),
    ],
)
def test_a_storage_whose_place_is_not_there_is_refused(form: dict[str, str], reason: str) -> None:
    async def act(story: Story, client: Client) -> None:
        assert await As(client).refused("POST", "/storage", storage="new", **form) == (500, reason)

    scene(act)


def test_a_pool_holds_guests_and_gives_rights_on_them() -> None:
    async def act(story: Story, client: Client) -> None:
        root = As(client)
        await root.do("POST", "/pools", poolid="web", comment="sites")
        await root.do("PUT", "/pools", poolid="web", vms="100,101", storage="vg_drbd")
        pool = await root.get("/pools/web")
        assert {m["id"] for m in pool["members"]} >= {"qemu/100", "lxc/101"}
        await root.do("POST", "/access/users", userid="eve@pve")
        await root.do("PUT", "/access/acl", path="/pool/web", users="eve@pve", roles="PVEVMUser")
        held = await root.get("/access/permissions", userid="eve@pve", path="/vms/100")
        assert "VM.PowerMgmt" in held["/vms/100"]
        resources = await root.get("/cluster/resources")
        assert {row["pool"] for row in resources if "pool" in row} == {"web"}
        assert await root.refused("DELETE", "/pools/web") == (
            500,
            "delete pool failed: pool 'web' is not empty (contains VM 100)",
        )
        await root.do("PUT", "/pools/web", delete=1, vms="100,101", storage="vg_drbd")
        await root.do("DELETE", "/pools", poolid="web")
        assert await root.get("/pools") == []

    scene(act)


RULES = "/cluster/ha/rules"


def test_a_rule_is_made_changed_and_goes_with_its_resources() -> None:
    async def act(story: Story, client: Client) -> None:
        root = As(client)
        form = {"type": "node-affinity", "resources": "vm:100,ct:101", "nodes": "slave:2,master"}
        await root.do("POST", RULES, rule="near", **form, strict=1)
        (rule,) = await root.get(RULES, resource="vm:100")
        assert (rule["nodes"], rule["resources"]) == ("master,slave:2", "ct:101,vm:100")
        assert (rule["strict"], rule["order"], "errors" in rule) == (1, 1, False)
        await root.do("PUT", f"{RULES}/near", disable=1, delete="strict", comment="later")
        rule = await root.get(f"{RULES}/near")
        assert (rule["disable"], rule["strict"], rule["comment"]) == (1, 0, "later")
        await root.do("DELETE", "/cluster/ha/resources/vm:100", purge=1)
        assert (await root.get(f"{RULES}/near"))["resources"] == "ct:101"
        await root.do("DELETE", f"{RULES}/near")
        assert await root.get(RULES) == []

    scene(act)


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        (
            {"type": "node-affinity", "resources": "vm:999", "nodes": "slave"},
            "cannot use unmanaged resource(s) vm:999.",
        ),
        (
            {"type": "node-affinity", "resources": "vm:100", "nodes": "moon,sun"},
            "cannot use non-existent node(s) moon, sun.",
        ),
        (
            {"type": "node-affinity", "resources": "vm:100", "nodes": "slave"},
            "400 Rule 'new' is invalid.",
        ),
        (
            {"type": "resource-affinity", "resources": "vm:100", "affinity": "positive"},
            "400 Rule 'new' is invalid.",
        ),
        (
            {"type": "resource-affinity", "resources": "vm:100,ct:101", "affinity": "negative"},
            "400 Rule 'new' is invalid.",
        ),
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused(form: dict[str, str], reason: str) -> None:
    async def act(story: Story, client: Client) -> None:
        root = As(client)
        known = {"type": "node-affinity", "resources": "vm:100", "nodes": "master"}
        await root.do("POST", RULES, rule="near", **known)
        together = {"type": "resource-affinity", "affinity": "positive"}
        await root.do("POST", RULES, rule="together", **together, resources="vm:100,ct:101")
        refused = await root.refused("POST", RULES, rule="new", **form)
        assert refused == (500, f"create ha rule failed: {reason}")

    scene(act)


def test_a_wish_to_migrate_takes_along_who_must_be_together() -> None:
    async def act(story: Story, client: Client) -> None:
        root = As(client)
        rule = {"type": "resource-affinity", "affinity": "positive", "resources": "vm:100,ct:101"}
        await root.do("POST", RULES, rule="together", **rule)
        answer = await root.do("POST", "/cluster/ha/resources/vm:100/migrate", node="slave")
        assert answer["comigrated-resources"] == ["ct:101"]
        await story.until(lambda: {g.node for g in story.world.guests.values()} == {"slave"})

    scene(act)


def test_a_wish_to_migrate_is_dropped_where_somebody_else_must_not_be_met() -> None:
    async def act(story: Story, client: Client) -> None:
        root = As(client)
        await root.do("POST", "/cluster/ha/resources/ct:101/migrate", node="slave")
        await story.until(lambda: story.service("ct:101") == "ct:101 (slave, started)")
        rule = {"type": "resource-affinity", "affinity": "negative", "resources": "vm:100,ct:101"}
        await root.do("POST", RULES, rule="apart", **rule)
        answer = await root.do("POST", "/cluster/ha/resources/vm:100/migrate", node="slave")
        assert answer["blocking-resources"] == [{"sid": "ct:101", "cause": "resource-affinity"}]
        await asyncio.sleep(60)
        assert story.world.guests[100].node == "master"

    scene(act)


def test_a_rule_has_the_properties_of_its_type() -> None:
    async def act(story: Story, client: Client) -> None:
        form = {"type": "resource-affinity", "rule": "new", "resources": "vm:100", "nodes": "slave"}
        assert await As(client).faults("POST", RULES, **form) == {
            "affinity": "property is missing and it is not optional",
            "nodes": "property is not defined in schema and the schema does not allow additional"
            " properties",
        }

    scene(act)


def test_small_files_of_a_node_are_written_and_read() -> None:
    async def act(story: Story, client: Client) -> None:
        root = As(client)
        await root.do("PUT", "/nodes/slave/dns", search="lab.id", dns1="10.0.0.1", dns2="10.0.0.2")
        dns = await root.get("/nodes/slave/dns")
        assert dns == {"search": "lab.id", "dns1": "10.0.0.1", "dns2": "10.0.0.2"}
        assert await root.faults("PUT", "/nodes/slave/dns", search="x", dns1="no") == {
            "dns1": "invalid format - value does not look like a valid IP address\n"
        }
        hosts = await root.get("/nodes/slave/hosts")
        await root.do("POST", "/nodes/slave/hosts", data="10.0.0.9 nas\n", digest=hosts["digest"])
        assert (await root.get("/nodes/slave/hosts"))["data"] == "10.0.0.9 nas\n"
        assert (await root.ask("POST", "/nodes/slave/hosts", data="", digest="old")).status == 500
        await root.do("PUT", "/nodes/slave/time", timezone="Asia/Jakarta")
        time = await root.get("/nodes/slave/time")
        assert time["localtime"] - time["time"] == 7 * 3600
        await root.do("PUT", "/nodes/slave/config", description="rack 2")
        assert (await root.get("/nodes/slave/config"))["description"] == "rack 2"

    scene(act)


def test_a_parameter_that_contradicts_the_path_is_refused() -> None:
    async def act(story: Story, client: Client) -> None:
        assert await As(client).faults("PUT", "/nodes/slave/dns", node="master", search="x") == {
            "node": "duplicate parameter (already defined in URI) with conflicting values!"
        }

    scene(act)


def test_without_pmxcfs_a_node_answers_late_and_bare_and_its_peers_miss_it() -> None:
    async def act(story: Story, client: Client) -> None:
        story.world.nodes["slave"].services.stop("pve-cluster")
        before = story.seconds
        answer = await client.ask("slave", "GET", "/version")
        assert (answer.status, answer.body) == (500, b"")
        assert "Unable to load access control list" in answer.reason
        assert story.seconds - before == pytest.approx(3)
        rows = {row["name"]: row for row in await As(client).get("/cluster/status")}
        assert (rows["slave"]["online"], rows["clusterubd"]["quorate"]) == (0, 1)

    scene(act)


def test_what_is_no_task_id_is_told_from_a_task_that_is_not_there() -> None:
    async def act(story: Story, client: Client) -> None:
        root, tasks = As(client), "/nodes/master/tasks"
        gone = "UPID:master:00000552:00088826:6B03EA75:qmigrate:100:root@pam:"
        for upid, words in (("garbage", "unable to parse worker upid"), (gone, "no such task")):
            assert await root.faults("GET", f"{tasks}/{upid}/status") == {"upid": words}
            assert await root.faults("DELETE", f"{tasks}/{upid}") == {"upid": words}

    scene(act)


def test_a_node_without_pvestatd_turns_unknown_after_five_minutes_though_all_runs() -> None:
    async def act(story: Story, client: Client) -> None:
        root = As(client)
        story.world.nodes["master"].services.stop("pvestatd")
        await asyncio.sleep(280)
        seen = {row["id"]: row["status"] for row in await root.get("/cluster/resources")}
        assert (seen["node/master"], seen["qemu/100"]) == ("online", "running")
        await asyncio.sleep(30)
        seen = {row["id"]: row["status"] for row in await root.get("/cluster/resources")}
        assert (seen["node/master"], seen["qemu/100"]) == ("unknown", "unknown")
        assert seen["storage/master/local"] == "unknown"
        (guest,) = await root.get("/nodes/master/qemu")
        assert guest["status"] == "running"

    scene(act)


def test_when_the_leading_ha_manager_is_stopped_another_leads_and_keeps_the_lead() -> None:
    async def act(story: Story, client: Client) -> None:
        services = story.world.nodes["master"].services
        await asyncio.sleep(5)
        services.stop("pve-ha-crm")
        taken = await story.until(lambda: story.ha.world.master == "slave")
        assert taken - 5 <= 12
        services.start("pve-ha-crm")
        await asyncio.sleep(60)
        assert story.ha.world.master == "slave"

    scene(act)


def test_services_are_stopped_by_a_task_but_not_the_essential_ones() -> None:
    async def act(story: Story, client: Client) -> None:
        root, services = As(client), "/nodes/master/services"
        assert await ended(story, root, await root.do("POST", f"{services}/cron/stop")) == "OK"
        cron = await root.get(f"{services}/cron/state")
        assert (cron["state"], cron["active-state"]) == ("dead", "inactive")
        upid = await root.do("POST", f"{services}/pveproxy/stop")
        assert "refusing to stop essential service" in await ended(story, root, upid)
        assert (await root.get(f"{services}/pveproxy/state"))["state"] == "running"

    scene(act)


def test_a_node_is_rebooted_and_another_woken() -> None:
    async def act(story: Story, client: Client) -> None:
        root = As(client)
        await root.do("POST", "/nodes/slave/status", command="shutdown")
        await story.until(lambda: not story.world.nodes["slave"].is_on)
        assert await root.refused("POST", "/nodes/slave/wakeonlan") == (
            500, "No wake on LAN MAC address defined for 'slave'!",
        )  # fmt: skip
        story.world.nodes["slave"].files.settings["wakeonlan"] = "BC:24:11:00:00:01"
        assert await root.do("POST", "/nodes/slave/wakeonlan") == "BC:24:11:00:00:01"
        await story.until(lambda: story.membership.is_online("master", "slave"))

    scene(act)


def test_disarmed_ha_freezes_and_moves_nothing_until_it_is_armed() -> None:
    async def act(story: Story, client: Client) -> None:
        root = As(client)
        await root.do("POST", "/cluster/ha/status/disarm-ha", **{"resource-mode": "freeze"})
        await asyncio.sleep(25)
        rows = await root.get("/cluster/ha/status/current")
        assert {row["state"] for row in rows if row["type"] == "service"} == {"freeze"}
        story.crash("slave")
        await asyncio.sleep(200)
        assert story.ha.world.node_states["slave"] == "online"
        story.power_on("slave")
        await asyncio.sleep(40)
        await root.do("POST", "/cluster/ha/status/arm-ha")
        await story.until(lambda: story.service("vm:100") == "vm:100 (master, started)")

    scene(act)
