"""The program: a scenario becomes a world, the world gets sockets, and somebody can hurt it."""

import asyncio
import secrets
import ssl
import tempfile
from pathlib import Path

from hapanel.lab.auth.accounts import ROOT
from hapanel.lab.churn import Churn
from hapanel.lab.clock import Clock
from hapanel.lab.cluster import Cluster
from hapanel.lab.disguise import Disguise
from hapanel.lab.drbd.living import Replication
from hapanel.lab.drbd.ssh import SSH_PORT
from hapanel.lab.faults import HOLDING, ApiFault, Misbehaviour
from hapanel.lab.guests_http import GuestService
from hapanel.lab.ha.stack import HaManager
from hapanel.lab.ha_tool import ha_manager
from hapanel.lab.hardware import Hardware
from hapanel.lab.membership import Membership, QDevice
from hapanel.lab.net.listener import Door, Listener
from hapanel.lab.net.pki import Authority
from hapanel.lab.scenario import Scenario, build, rules_of
from hapanel.lab.server import NodeApi
from hapanel.lab.services import PROXY
from hapanel.lab.world import Node, Power

API_PORT = 8006
OPERATE_ROLE = "HAPanelOperate"
OPERATE_PRIVILEGES = frozenset(
    (
        "Datastore.AllocateSpace", "Datastore.Audit", "Mapping.Audit", "Pool.Audit", "SDN.Audit",
        "SDN.Use", "Sys.Audit", "Sys.Console", "Sys.Modify", "Sys.Syslog", "VM.Audit",
        "VM.Backup", "VM.Config.Disk", "VM.GuestAgent.Audit", "VM.Migrate", "VM.PowerMgmt",
    )
)  # fmt: skip
PANEL_USER = "hapanel@pve"


class Lab:
    """One running cluster. `churn` is the share of its guests that change every ten seconds,
    `folder` keeps its ssh keys.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        speed: float,
        net: str,
        churn: float = 0.0,
        folder: Path | None = None,
    ) -> None:
        self.scenario = scenario
        self.speed = speed
        self.clock = Clock(speed)
        self.world = build(scenario, self.clock, net)
        device = QDevice(scenario.qdevice) if scenario.qdevice else None
        self.membership = Membership(self.world, device)
        self.hardware = Hardware(self.world, self.membership)
        self.ha = HaManager(self.world, self.membership, self.hardware)
        self._churn = Churn(self.world, churn, self.ha.is_managed)
        self.cluster = Cluster(self.world, self.membership, self.ha, self.hardware)
        self.faults = {name: ApiFault() for name in self.world.nodes}
        self.disguise = Disguise()
        self.replication = Replication(
            self.world,
            scenario.drbd,
            folder,
            lambda node: {"ha-manager": ha_manager(self.ha, self.membership, node)},
        )
        self.authority = Authority(scenario.cluster)
        self.ca_file = ""
        self._listeners: dict[str, Listener] = {}
        self._ssh_doors: dict[str, Listener] = {}
        self.services: dict[int, GuestService] = {}
        self._make_accounts()

    def _make_accounts(self) -> None:
        accounts = self.world.accounts
        accounts.roles[OPERATE_ROLE] = OPERATE_PRIVILEGES
        accounts.users[PANEL_USER] = type(accounts.users[ROOT])(PANEL_USER)
        for name, role in (("operate", OPERATE_ROLE), ("watch", "PVEAuditor")):
            accounts.add_token(PANEL_USER, name, privsep=True)
            accounts.grant("/", f"{PANEL_USER}!{name}", role)
        accounts.grant("/", PANEL_USER, "Administrator")

    def start(self) -> None:
        """Opens every door and starts what lives."""
        self.world.authority_pem = self.authority.pem
        self.world.tasks.on_event = self.world.log.task_event
        for rule in rules_of(self.scenario, self.world):
            self.ha.configuration.rules.by_name[rule.name] = rule
        self.ha.adopt(
            (guest.vmid for guest in self.scenario.guests if guest.ha), self.scenario.crm_master
        )
        for node in self.world.nodes.values():
            serve = NodeApi(node.name, self.cluster, self.faults, self.disguise).serve
            context = self._certify(node, self.authority)
            self._listeners[node.name] = Listener(node.ip, API_PORT, serve, tls=context)
            ssh = self.replication.serve_ssh(node.name)
            self._ssh_doors[node.name] = Listener(node.ip, SSH_PORT, ssh)
        self.replication.run()
        for guest in self.world.guests.values():
            if guest.serves is not None:
                self.services[guest.vmid] = GuestService(self.world, guest, guest.serves)
        self.world.on_change(self.follow_hardware)
        self.follow_hardware()
        self.hardware.run()
        self.ha.run()
        self._churn.run()
        self._write_ca()

    def _certify(self, node: Node, authority: Authority) -> ssl.SSLContext:
        """A fresh certificate for the node, by that authority."""
        leaf = authority.leaf(node.name, node.ip, with_aki=not self.scenario.leaf_without_aki)
        node.fingerprint = leaf.fingerprint
        node.certificates = {"pve-root-ca.pem": authority.pem, "pve-ssl.pem": leaf.pem}
        return leaf.context

    def change_certificate(self, name: str, *, by_a_stranger: bool) -> None:
        """The node shows another certificate from now on: its CA's own, or one of nobody known."""
        authority = Authority("nobody you know") if by_a_stranger else self.authority
        listener = self._listeners[name]
        listener.tls = self._certify(self.world.nodes[name], authority)
        listener.drop_connections()

    def _write_ca(self) -> None:
        folder = tempfile.mkdtemp(prefix="hapanel-lab-")
        path = Path(folder) / "ca.pem"
        path.write_text(self.authority.pem)
        self.ca_file = str(path)

    def follow_hardware(self) -> None:
        """Doors follow power and faults; guests' services follow their guests."""
        for name, listener in self._listeners.items():
            node = self.world.nodes[name]
            if node.power is not Power.ON:
                listener.set_door(Door.BLACK_HOLE)
            elif self.faults[name].kind is Misbehaviour.REFUSE or not node.services.runs(PROXY):
                listener.set_door(Door.CLOSED)
            else:
                listener.set_door(Door.OPEN)
        for name, door in self._ssh_doors.items():
            door.set_door(Door.OPEN if self.world.nodes[name].is_on else Door.BLACK_HOLE)
        for service in self.services.values():
            service.follow()

    def set_fault(self, node: str, fault: ApiFault) -> None:
        """Replaces the fault of a node's API; requests that hang are cut off by the next one, and
        nobody keeps a connection to a machine that is another one now."""
        was = self.faults[node].kind
        self.faults[node] = fault
        if was in HOLDING or fault.kind is Misbehaviour.OTHER_CLUSTER:
            self._listeners[node].drop_connections()
        self.follow_hardware()

    def ready(self, control_url: str, control_token: str) -> dict[str, object]:
        """The line that says everything a client needs."""
        panel = self.world.accounts.users[PANEL_USER]
        return {
            "ready": True,
            "cluster": self.world.cluster_name,
            "nodes": [
                {
                    "name": node.name,
                    "url": f"https://{node.ip}:{API_PORT}",
                    "ssh": {
                        "host": node.ip,
                        "port": SSH_PORT,
                        **self.replication.ssh_of(node.name),
                    },
                }
                for node in self.world.nodes.values()
            ],
            "ca": self.authority.pem,
            "ca_file": self.ca_file,
            "token_id": f"{PANEL_USER}!operate",
            "token_secret": panel.tokens["operate"].secret,
            "watch_token_id": f"{PANEL_USER}!watch",
            "watch_token_secret": panel.tokens["watch"].secret,
            "root_password": self.world.accounts.users[ROOT].password,
            "ssh_key": self.replication.client_key_text,
            "control_url": control_url,
            "control_token": control_token,
            "services": [
                self._service(guest.vmid, guest.serves.name)
                for guest in self.world.guests.values()
                if guest.serves is not None
            ],
            "time_scale": self.speed,
        }

    def _service(self, vmid: int, name: str) -> dict[str, object]:
        """A service: the guest that answers for it, and all that it needs."""
        behind = [guest.vmid for guest in self.scenario.guests if guest.behind == name]
        return {
            "name": name,
            "vmid": vmid,
            "url": self.services[vmid].url,
            "vmids": [vmid, *behind],
        }

    async def close(self) -> None:
        """Ends tasks, rounds and sockets."""
        await self._churn.close()
        await self.ha.close()
        await self.hardware.close()
        await self.membership.close()
        await self.world.tasks.close()
        for service in self.services.values():
            service.close()
        for listener in (*self._listeners.values(), *self._ssh_doors.values()):
            listener.set_door(Door.CLOSED)
        await self.replication.close()
        if self.ca_file:
            Path(self.ca_file).unlink(missing_ok=True)
            Path(self.ca_file).parent.rmdir()
        await asyncio.sleep(0)


def fresh_control_token() -> str:
    """A secret for the control server."""
    return secrets.token_urlsafe(24)
