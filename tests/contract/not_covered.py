"""Recordings that no situation asks again, each with its reason. The first rule that fits holds."""

from __future__ import annotations

BY_NAME: dict[str, str] = {
    "cluster-join-pve3": "the lab is one cluster: nobody joins from outside",
    "cluster-join-wrong-password": "the lab is one cluster: nobody joins from outside",
    "get-cluster-metrics-export": "the sandbox's own: no metrics there",
    "nodedown-ask-dead-node-itself": "no answer: the recorder's forwarder cut the connection",
    "ok-extjs-formatter": "the formatter of Proxmox's own pages",
    "err-extjs-formatter": "the formatter of Proxmox's own pages",
}
BY_PATH: tuple[tuple[str, str], ...] = ((r"", "not asked yet"),)
