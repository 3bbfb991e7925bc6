"""/etc/drbd.d, `drbdadm dump` and `drbdsetup show`: one configuration in three spellings."""

from hapanel.lab.drbd.side import Conn, Disk, Side
from hapanel.lab.drbd.spec import ResourceSpec, Version, bytes_of

MAIN = 'include "drbd.d/global_common.conf";\ninclude "drbd.d/*.res";\n'
GLOBAL_COMMON = "global {\n    usage-count no;\n}\n\ncommon {\n}\n"
SECTIONS = ("net", "disk", "startup", "options")
QUOTED = ("cram-hmac-alg", "shared-secret", "verify-alg")
DEFAULTS = {"protocol": "C", "after-sb-2pri": "disconnect", "quorum": "off"}
NET_ORDER = (
    "protocol", "ping-int", "allow-two-primaries", "cram-hmac-alg", "shared-secret",
    "after-sb-0pri", "after-sb-1pri", "after-sb-2pri", "verify-alg",
)  # fmt: skip
DISK_ORDER = ("resync-rate", "c-plan-ahead", "c-fill-target", "c-max-rate", "c-min-rate")


def files(specs: list[ResourceSpec], version: Version, addresses: dict[str, str]) -> dict[str, str]:
    """Every file of a node's configuration, by its path."""
    found = {"/etc/drbd.conf": MAIN, "/etc/drbd.d/global_common.conf": GLOBAL_COMMON}
    for spec in specs:
        found[f"/etc/drbd.d/{spec.name}.res"] = resource_file(spec, version, addresses)
    return found


def resource_file(spec: ResourceSpec, version: Version, addresses: dict[str, str]) -> str:
    """A resource as an administrator writes it."""
    lines = [f"resource {spec.name} {{"]
    for section in SECTIONS:
        options: dict[str, str] = getattr(spec, section)
        if options:
            lines += [f"    {section} {{"]
            lines += [f"        {key} {_written(key, word)};" for key, word in options.items()]
            lines += ["    }"]
    for number, node in enumerate(spec.nodes):
        lines += [f"    on {node} {{"]
        lines += [f"        node-id {number};"] * (version is Version.V9)
        lines += _disks(spec, 8)
        lines += [f"        address {addresses[node]}:{spec.port};", "    }"]
    lines += _mesh(spec)
    return "\n".join([*lines, "}", ""])


def _mesh(spec: ResourceSpec) -> list[str]:
    """More than two nodes must be told who connects to whom."""
    if len(spec.nodes) == 2:
        return []
    return ["    connection-mesh {", f"        hosts {' '.join(spec.nodes)};", "    }"]


def _written(key: str, word: str) -> str:
    return f'"{word}"' if key in QUOTED else word


def _disks(spec: ResourceSpec, indent: int) -> list[str]:
    pad = " " * indent
    lines = []
    for number, volume in enumerate(spec.volumes):
        inner = [f"device /dev/drbd{volume.minor};", f"disk {volume.disk};", "meta-disk internal;"]
        if len(spec.volumes) == 1:
            lines += [pad + line for line in inner]
        else:
            lines += [f"{pad}volume {number} {{", *(f"{pad}    {i}" for i in inner), f"{pad}}}"]
    return lines


def dump(side: Side) -> str:
    """`drbdadm dump RESOURCE` on a node."""
    spec = side.spec
    lines = [
        f"# resource {spec.name} on {side.node}: not ignored, not stacked",
        f"# defined at /etc/drbd.d/{spec.name}.res:1",
        f"resource {spec.name} {{",
    ]
    for number, node in enumerate(spec.nodes):
        lines.append(f"    on {node} {{")
        lines += [f"        node-id {number};"] * (side.version is Version.V9)
        lines += _dumped_disks(spec)
        lines += [f"        {'address':<16} ipv4 {side.addresses[number]};", "    }"]
    for section in SECTIONS:
        options: dict[str, str] = getattr(spec, section)
        lines += _mesh(spec) if section == "net" else []
        if options:
            inner = [f"        {key:<16} {word:>3};" for key, word in options.items()]
            lines += [f"    {section} {{", *inner, "    }"]
    return "\n".join([*lines, "}", "", ""])


def _dumped_disks(spec: ResourceSpec) -> list[str]:
    lines = []
    several = len(spec.volumes) > 1
    width, pad = (12, " " * 12) if several else (16, " " * 8)
    for number, volume in enumerate(spec.volumes):
        inner = [
            f"{pad}{'device':<{width}} /dev/drbd{volume.minor} minor {volume.minor};",
            f"{pad}{'disk':<{width}} {volume.disk};",
            f"{pad}{'meta-disk':<{width}} internal;",
        ]
        lines += [f"        volume {number} {{", *inner, "        }"] if several else inner
    return lines


def dump_all(sides: list[Side]) -> str:
    """`drbdadm dump`."""
    head = "# /etc/drbd.conf\nglobal {\n    usage-count no;\n}\n\ncommon {\n}\n\n"
    return head + "".join(dump(side) for side in sides)


def show(side: Side) -> str:
    """`drbdsetup show RESOURCE`: what differs from the defaults."""
    return _show_84(side) if side.version is Version.V84 else _show_9(side)


def _options(options: dict[str, str], order: tuple[str, ...], indent: int) -> list[str]:
    pad = " " * indent
    lines = []
    for key in sorted(options, key=lambda k: order.index(k) if k in order else len(order)):
        word = options[key]
        if DEFAULTS.get(key) != word:
            lines.append(f"{pad}{key:<16}\t{_written(key, _in_units(key, word))}")
    return lines


def _in_units(key: str, word: str) -> str:
    return f"{bytes_of(word) / 1024:.0f}k" if key.endswith("-rate") else word


_UNITS = {
    "resync-rate": "bytes/second", "c-max-rate": "bytes/second", "c-min-rate": "bytes/second",
    "c-plan-ahead": "1/10 seconds", "ping-int": "seconds", "c-fill-target": "bytes",
}  # fmt: skip


def _ended(lines: list[str]) -> list[str]:
    units = [_UNITS.get(line.split()[0]) for line in lines]
    return [f"{li};" + (f" # {u}" if u else "") for li, u in zip(lines, units, strict=True)]


def _shown_volume(side: Side, number: int) -> list[str]:
    volume = side.spec.volumes[number]
    lines = [f"        volume {number} {{", f"            device\t\t\tminor {volume.minor};"]
    if side.volumes[number].disk is not Disk.DISKLESS:
        lines += [f'            disk\t\t\t"{volume.disk}";', "            meta-disk\t\t\tinternal;"]
    return lines


def _show_84(side: Side) -> str:
    spec = side.spec
    own = spec.nodes.index(side.node)
    lines = [f"resource {spec.name} {{", "    options {", "    }"]
    if not any(connection.is_gone for connection in side.connections.values()):
        remote = f"        address\t\t\tipv4 {side.addresses[1 - own]};"
        lines += ["    net {", *_ended(_options(spec.net, NET_ORDER, 8)), "    }"]
        lines += ["    _remote_host {", remote, "    }"]
        lines += ["    _this_host {", f"        address\t\t\tipv4 {side.addresses[own]};"]
    else:
        lines += ["    _this_host {"]
    for number in range(len(spec.volumes)):
        lines += [*_shown_volume(side, number), "            disk {"]
        lines += [*_ended(_options(spec.disk, DISK_ORDER, 16)), "            }", "        }"]
    return "\n".join([*lines, "    }", "}", "", ""])


def _show_9(side: Side) -> str:
    spec = side.spec
    lines = [f'resource "{spec.name}" {{']
    if options := _ended(_options(spec.options, (), 8)):
        lines += ["    options {", *options, "    }"]
    lines += ["    _this_host {", f"        node-id\t\t\t{side.node_id};"]
    for number in range(len(spec.volumes)):
        lines += [*_shown_volume(side, number), "        }"]
    lines.append("    }")
    for peer in side.connections:
        lines += _shown_connection(side, peer)
    return "\n".join([*lines, "}", "", ""])


def _shown_connection(side: Side, peer: str) -> list[str]:
    spec = side.spec
    own, other = (spec.nodes.index(node) for node in (side.node, peer))
    lines = ["    connection {", f"        _peer_node_id {other};", "        path {"]
    lines += [f"            _this_host ipv4 {side.addresses[own]};"]
    lines += [f"            _remote_host ipv4 {side.addresses[other]};", "        }"]
    lines += ["        _is_standalone;"] * (side.connections[peer].state is Conn.STANDALONE)
    name = f'            {"_name":<16}\t"{peer}";'
    lines += ["        net {", *_ended(_options(spec.net, NET_ORDER, 12)), name, "        }"]
    for number in range(len(spec.volumes)):
        rates = _ended(_options(spec.disk, DISK_ORDER, 16))
        lines += [f"        volume {number} {{", "            disk {", *rates]
        lines += ["            }", "        }"]
    return [*lines, "    }"]
