"""/nodes/{node}/status (POST) and wakeonlan: switching nodes off and on."""

from hapanel.lab.api.routing import Call, Needs, api
from hapanel.lab.errors import died
from hapanel.lab.schema import Param

POWER = Needs("/nodes/{node}", ("Sys.PowerMgmt",))


@api.on(
    "POST",
    "/nodes/{node}/status",
    needs=POWER,
    proxied=True,
    params=[Param("command", enum=("reboot", "shutdown"))],
)
def node_command(call: Call) -> None:
    """The node shuts its guests down and goes; no task tells of it."""
    node = call.world.node(call.text("node"))
    call.cluster.hardware.shut_down(node, comes_back=call.text("command") == "reboot")


@api.on("POST", "/nodes/{node}/wakeonlan", needs=POWER)
def wake_on_lan(call: Call) -> object:
    """Wakes another node by its network card, whose address it answers; needs it configured."""
    name = call.text("node")
    if name == call.node:
        raise died(f"'{name}' is local node, cannot wake my self!")
    if name not in call.world.nodes:
        raise died(f"no such cluster node '{name}'")
    node = call.world.nodes[name]
    address = node.files.settings.get("wakeonlan", "").split(",")[0].removeprefix("mac=")
    if not address:
        raise died(f"No wake on LAN MAC address defined for '{name}'!")
    call.cluster.hardware.power_on(node)
    return address
