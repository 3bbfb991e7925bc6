"""Small files of a node that its API reads and writes: resolv.conf, hosts, time zone, notes."""

import hashlib
from dataclasses import dataclass, field


@dataclass
class NodeFiles:
    """`settings` is the node's own configuration file (description, wakeonlan ...)."""

    search: str = "local"
    name_servers: list[str] = field(default_factory=lambda: ["127.0.0.1"])
    hosts: str = "127.0.0.1 localhost.localdomain localhost\n"
    timezone: str = "UTC"
    settings: dict[str, str] = field(default_factory=dict)

    def hosts_digest(self) -> str:
        """SHA-1 of /etc/hosts, against lost updates."""
        return hashlib.sha1(self.hosts.encode(), usedforsecurity=False).hexdigest()

    def settings_digest(self) -> str:
        """SHA-1 of the node's configuration file."""
        text = "\n".join(f"{name}: {value}" for name, value in sorted(self.settings.items()))
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
