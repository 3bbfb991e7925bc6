"""A made-up cluster of any size in the shape of Proxmox's answers, which can change by a share.

The shape is that of a real /cluster/resources (PVE 9.2): every key, numbers as Proxmox sends them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import msgspec

GIB = 1024**3


class MadeUpCluster:
    """`nodes` nodes and `guests` guests; the same seed gives the same cluster."""

    def __init__(self, nodes: int, guests: int, seed: int = 1) -> None:
        self._luck = random.Random(seed)
        self.nodes = [f"node{number:02d}" for number in range(1, nodes + 1)]
        self._guests = [self._guest(number) for number in range(guests)]
        self._rest = [*map(self._node, self.nodes), *self._storages()]

    def resources(self) -> bytes:
        """The body of /cluster/resources."""
        return _body([*self._guests, *self._rest])

    def change(self, share: float) -> None:
        """Let this share of the guests stop, start or move, with new figures."""
        for guest in self._luck.sample(self._guests, max(1, round(len(self._guests) * share))):
            runs = guest["status"] != "running"
            guest["status"] = "running" if runs else "stopped"
            guest["cpu"] = self._luck.random() if runs else 0
            guest["uptime"] = self._luck.randrange(10, 10**6) if runs else 0
            if self._luck.random() < 0.3:
                guest["node"] = self._luck.choice(self.nodes)

    def status(self) -> bytes:
        """The body of /cluster/status."""
        head = {
            "type": "cluster",
            "id": "cluster",
            "name": "bench",
            "version": len(self.nodes),
            "nodes": len(self.nodes),
            "quorate": 1,
        }
        rows = [
            {
                "type": "node",
                "id": f"node/{name}",
                "name": name,
                "nodeid": number,
                "ip": f"10.10.0.{number}",
                "online": 1,
                "local": int(number == 1),
                "level": "",
            }
            for number, name in enumerate(self.nodes, start=1)
        ]
        return _body([head, *rows])

    def ha_status(self) -> bytes:
        """The body of /cluster/ha/status/current: no HA resource, quorum OK."""
        quorum = {
            "id": "quorum",
            "type": "quorum",
            "node": self.nodes[0],
            "status": "OK",
            "quorate": 1,
        }
        return _body([quorum])

    def votes(self) -> bytes:
        """The body of /cluster/config/nodes."""
        return _body(
            [
                {"node": name, "name": name, "nodeid": str(number), "quorum_votes": "1"}
                for number, name in enumerate(self.nodes, start=1)
            ]
        )

    def _guest(self, number: int) -> dict[str, Any]:
        luck, vmid = self._luck, 100 + number
        kind = "qemu" if luck.random() < 0.6 else "lxc"
        runs = luck.random() < 0.85
        return {
            "id": f"{kind}/{vmid}",
            "type": kind,
            "vmid": vmid,
            "name": f"{luck.choice(_NAMES)}-{number:05d}",
            "node": luck.choice(self.nodes),
            "status": "running" if runs else "stopped",
            "template": 0,
            "tags": luck.choice(_TAGS),
            "maxcpu": luck.choice((1, 2, 4, 8)),
            "cpu": luck.random() if runs else 0,
            "maxmem": luck.choice((1, 2, 4, 8, 16)) * GIB,
            "mem": luck.randrange(GIB // 4, GIB) if runs else 0,
            "memhost": 0,
            "maxdisk": luck.choice((8, 16, 32, 64)) * GIB,
            "disk": 0,
            "uptime": luck.randrange(10, 10**7) if runs else 0,
            "netin": luck.randrange(10**9),
            "netout": luck.randrange(10**9),
            "diskread": luck.randrange(10**9),
            "diskwrite": luck.randrange(10**9),
        }

    def _node(self, name: str) -> dict[str, Any]:
        return {
            "id": f"node/{name}",
            "type": "node",
            "node": name,
            "status": "online",
            "level": "",
            "cgroup-mode": 2,
            "maxcpu": 64,
            "cpu": self._luck.random() / 2,
            "maxmem": 512 * GIB,
            "mem": self._luck.randrange(100, 400) * GIB,
            "maxdisk": 96 * GIB,
            "disk": 12 * GIB,
            "uptime": self._luck.randrange(10**5, 10**7),
        }

    def _storages(self) -> Iterator[dict[str, Any]]:
        for name in self.nodes:
            for storage, shared in (("local", 0), ("ceph", 1)):
                yield {
                    "id": f"storage/{name}/{storage}",
                    "type": "storage",
                    "node": name,
                    "storage": storage,
                    "plugintype": "rbd" if shared else "dir",
                    "content": "images,rootdir",
                    "shared": shared,
                    "status": "available",
                    "maxdisk": 10**13,
                    "disk": 4 * 10**12,
                }


_NAMES = ("siakad", "elearning", "library", "mail", "portal", "journal", "lab", "backup")
_TAGS = ("prod;web", "prod;db", "test", "")


def _body(rows: list[dict[str, Any]]) -> bytes:
    return msgspec.json.encode({"data": rows})
