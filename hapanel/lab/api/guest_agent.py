"""/nodes/{node}/qemu/{vmid}/agent: no guest of the lab runs QEMU's agent, and each call says so."""

from hapanel.lab.api.routing import Call, Needs, api
from hapanel.lab.errors import died
from hapanel.lab.guests.formats import has_agent
from hapanel.lab.schema import Param, Type, flag, maybe

PING_SECONDS = 3.0
_PLACE = "/vms/{vmid}"


def _needs(*privileges: str) -> Needs:
    return Needs(_PLACE, (*privileges, "VM.GuestAgent.Unrestricted"), any_of=True)


UNRESTRICTED = _needs()
AUDIT = _needs("VM.GuestAgent.Audit")
FILE_SYSTEMS = _needs("VM.GuestAgent.FileSystemMgmt")
POWER = _needs("VM.PowerMgmt")

COMMANDS = {
    "GET": (
        (AUDIT, "/nodes/{node}/qemu/{vmid}/agent/get-fsinfo", ()),
        (AUDIT, "/nodes/{node}/qemu/{vmid}/agent/get-host-name", ()),
        (AUDIT, "/nodes/{node}/qemu/{vmid}/agent/get-memory-block-info", ()),
        (AUDIT, "/nodes/{node}/qemu/{vmid}/agent/get-memory-blocks", ()),
        (AUDIT, "/nodes/{node}/qemu/{vmid}/agent/get-osinfo", ()),
        (AUDIT, "/nodes/{node}/qemu/{vmid}/agent/get-time", ()),
        (AUDIT, "/nodes/{node}/qemu/{vmid}/agent/get-timezone", ()),
        (AUDIT, "/nodes/{node}/qemu/{vmid}/agent/get-users", ()),
        (AUDIT, "/nodes/{node}/qemu/{vmid}/agent/get-vcpus", ()),
        (AUDIT, "/nodes/{node}/qemu/{vmid}/agent/info", ()),
        (AUDIT, "/nodes/{node}/qemu/{vmid}/agent/network-get-interfaces", ()),
        (
            UNRESTRICTED,
            "/nodes/{node}/qemu/{vmid}/agent/exec-status",
            (Param("pid", Type.INTEGER),),
        ),
        (
            _needs("VM.GuestAgent.FileRead"),
            "/nodes/{node}/qemu/{vmid}/agent/file-read",
            (Param("file"),),
        ),
    ),
    "POST": (
        (AUDIT, "/nodes/{node}/qemu/{vmid}/agent/ping", ()),
        (FILE_SYSTEMS, "/nodes/{node}/qemu/{vmid}/agent/fsfreeze-freeze", ()),
        (FILE_SYSTEMS, "/nodes/{node}/qemu/{vmid}/agent/fsfreeze-status", ()),
        (FILE_SYSTEMS, "/nodes/{node}/qemu/{vmid}/agent/fsfreeze-thaw", ()),
        (FILE_SYSTEMS, "/nodes/{node}/qemu/{vmid}/agent/fstrim", ()),
        (POWER, "/nodes/{node}/qemu/{vmid}/agent/shutdown", ()),
        (POWER, "/nodes/{node}/qemu/{vmid}/agent/suspend-disk", ()),
        (POWER, "/nodes/{node}/qemu/{vmid}/agent/suspend-hybrid", ()),
        (POWER, "/nodes/{node}/qemu/{vmid}/agent/suspend-ram", ()),
        (
            UNRESTRICTED,
            "/nodes/{node}/qemu/{vmid}/agent/exec",
            (Param("command"), maybe("input-data", max_length=65536)),
        ),
        (
            _needs("VM.GuestAgent.FileWrite"),
            "/nodes/{node}/qemu/{vmid}/agent/file-write",
            (Param("file"), Param("content", max_length=61440), flag("encode")),
        ),
        (
            UNRESTRICTED,
            "/nodes/{node}/qemu/{vmid}/agent/set-user-password",
            (
                Param("username"),
                Param("password", min_length=5, max_length=1024),
                flag("crypted"),
            ),
        ),
    ),
}
NAMES = sorted(path.rpartition("/")[2] for rows in COMMANDS.values() for _, path, _ in rows)
GENERIC = tuple(
    name
    for name in NAMES
    if name not in ("exec", "exec-status", "file-read", "file-write", "set-user-password")
)


@api.on("GET", "/nodes/{node}/qemu/{vmid}/agent", proxied=True)
def agent_index(_call: Call) -> object:
    """Names of the commands."""
    return [{"name": name} for name in NAMES]


@api.on(
    "POST",
    "/nodes/{node}/qemu/{vmid}/agent",
    needs=UNRESTRICTED,
    params=[Param("command", enum=GENERIC)],
    proxied=True,
)
async def agent_command(call: Call) -> object:
    """Any of the commands, configured or not; then as far as PVE gets without an agent."""
    guest = call.guest()
    if not has_agent(guest.config):
        raise died("No QEMU guest agent configured")
    if not guest.is_running:
        raise died(f"VM {guest.vmid} is not running")
    await call.world.clock.pass_time(PING_SECONDS)
    raise died("QEMU guest agent is not running")


for _method, _rows in COMMANDS.items():
    for _needed, _path, _params in _rows:
        api.on(_method, _path, needs=_needed, params=_params, proxied=True, protected=True)(
            agent_command
        )
