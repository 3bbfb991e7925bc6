"""/nodes/{node}/network: the bridge that guests hang on, and the card below it. Read only."""

from hapanel.lab.api.routing import AUDIT_NODE, Call, api
from hapanel.lab.errors import bad_parameters
from hapanel.lab.schema import Param, maybe

Row = dict[str, object]

TYPES = (
    "bridge", "bond", "eth", "alias", "vlan", "fabric", "OVSBridge", "OVSBond", "OVSPort",
    "OVSIntPort", "vnet", "any_bridge", "any_local_bridge", "include_sdn",
)  # fmt: skip
ALL = ("", "include_sdn")
BRIDGES = ("any_bridge", "any_local_bridge")


@api.on("GET", "/nodes/{node}/network", proxied=True, params=[maybe("type", enum=TYPES)])
def interfaces(call: Call) -> object:
    """All interfaces, or those of a type."""
    wanted = "bridge" if call.text("type") in BRIDGES else call.text("type")
    found = _interfaces(call)
    return [
        {"iface": name, **row}
        for name, row in found.items()
        if wanted in ALL or row["type"] == wanted
    ]


@api.on(
    "GET",
    "/nodes/{node}/network/{iface}",
    needs=AUDIT_NODE,
    proxied=True,
    params=[Param("iface", min_length=2, max_length=20)],
)
def interface(call: Call) -> object:
    """One interface."""
    found = _interfaces(call).get(call.text("iface"))
    if found is None:
        raise bad_parameters({"iface": "interface does not exist"})
    return found


def _interfaces(call: Call) -> dict[str, Row]:
    address = call.world.node(call.text("node")).ip
    manual: Row = {"method": "manual", "method6": "manual", "families": ["inet"], "active": 1}
    return {
        "eno1": {"type": "eth", "exists": 1, "priority": 3, **manual},
        "vmbr0": {
            "type": "bridge",
            "priority": 4,
            "autostart": 1,
            **manual,
            "method": "static",
            "address": address,
            "netmask": "24",
            "cidr": f"{address}/24",
            "bridge_ports": "eno1",
            "bridge_stp": "off",
            "bridge_fd": "0",
        },
    }
