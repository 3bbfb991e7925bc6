"""/nodes/{node}/services: what systemd says of them, and tasks that start or stop one."""

from hapanel.lab.api.routing import AUDIT_NODE, Call, Needs, api
from hapanel.lab.errors import TaskFailed
from hapanel.lab.schema import Param
from hapanel.lab.services import CRM, DESCRIPTIONS, ESSENTIAL, LRM, NAMES, NOT_PLAYED, Unit
from hapanel.lab.tasks import Task, Work

Row = dict[str, object]

SERVICE = Param("service", enum=NAMES)
MODIFY_NODE = Needs("/nodes/{node}", ("Sys.Modify",))
COMMANDS = ("state", "start", "stop", "restart", "reload")
SYSTEMCTL_SECONDS = 1.0


@api.on("GET", "/nodes/{node}/services", needs=AUDIT_NODE, proxied=True, protected=True)
def services(call: Call) -> object:
    """All services that the API knows, whether the node has them or not."""
    node = call.world.node(call.text("node"))
    units = node.services.units(has_corosync=call.world.has_corosync)
    return call.shuffled([_row(unit) for unit in units])


def _row(unit: Unit) -> Row:
    return {
        "service": unit.name,
        "name": unit.name,
        "desc": unit.desc,
        "state": unit.state,
        "active-state": unit.active_state,
        "unit-state": unit.unit_state,
    }


@api.on("GET", "/nodes/{node}/services/{service}", needs=AUDIT_NODE, params=[SERVICE])
def service_index(_call: Call) -> object:
    """Names of what there is below."""
    return [{"subdir": name} for name in COMMANDS]


@api.on(
    "GET", "/nodes/{node}/services/{service}/state",
    needs=AUDIT_NODE, proxied=True, protected=True, params=[SERVICE],
)  # fmt: skip
def service_state(call: Call) -> object:
    """One service."""
    node = call.world.node(call.text("node"))
    name = call.text("service")
    return _row(node.services.unit(name, has_corosync=call.world.has_corosync))


@api.on(
    "POST", "/nodes/{node}/services/{service}/start",
    needs=MODIFY_NODE, proxied=True, params=[SERVICE],
)  # fmt: skip
@api.on(
    "POST", "/nodes/{node}/services/{service}/stop",
    needs=MODIFY_NODE, proxied=True, params=[SERVICE],
)  # fmt: skip
@api.on(
    "POST", "/nodes/{node}/services/{service}/restart",
    needs=MODIFY_NODE, proxied=True, params=[SERVICE],
)  # fmt: skip
@api.on(
    "POST", "/nodes/{node}/services/{service}/reload",
    needs=MODIFY_NODE, proxied=True, params=[SERVICE],
)  # fmt: skip
def service_command(call: Call) -> object:
    """A task that runs systemctl; essential services are not stopped."""
    command, name = call.route.path.rpartition("/")[2], call.text("service")
    return call.fork(f"srv{command}", name, _systemctl(call, command, name))


def _systemctl(call: Call, command: str, name: str) -> Work:
    async def work(_task: Task) -> None:
        if command == "stop" and name in ESSENTIAL:
            refusal = "refusing to stop essential service!"
            raise TaskFailed(f"invalid service cmd '{name} stop': {refusal}")
        await call.world.clock.pass_time(SYSTEMCTL_SECONDS)
        unknown = DESCRIPTIONS[name] is None or (command == "stop" and name in NOT_PLAYED)
        if unknown:
            raise TaskFailed(f"command 'systemctl {command} {name}' failed: exit code 5")
        services = call.world.nodes[call.node].services
        if command == "restart" and name in (CRM, LRM) and services.runs(name):
            call.cluster.ha.restart_daemon(call.node, name)
        change = services.stop if command == "stop" else services.start
        change(name)
        call.world.changed()
        while command == "stop" and name in (CRM, LRM) and _lives(call, name):
            await call.world.clock.pass_time(SYSTEMCTL_SECONDS)

    return work


def _lives(call: Call, name: str) -> bool:
    """Whether an HA daemon still settles what it has to, before it goes."""
    return call.cluster.ha.has_daemon(call.node, name)
