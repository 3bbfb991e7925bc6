"""/nodes/{node}/dns, hosts, time, config: small files of a node, read and written."""

from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

from hapanel.lab.api.routing import AUDIT_CLUSTER, AUDIT_NODE, Call, Needs, api
from hapanel.lab.errors import MODIFIED, died
from hapanel.lab.formats import IP
from hapanel.lab.node_files import NodeFiles
from hapanel.lab.schema import Param, Type, items_of, maybe

Row = dict[str, object]

MODIFY_NODE = Needs("/nodes/{node}", ("Sys.Modify",))
DIGEST = maybe("digest", max_length=64)
NAME_SERVERS = ("dns1", "dns2", "dns3")


def _files(call: Call) -> NodeFiles:
    return call.world.node(call.text("node")).files


@api.on("GET", "/nodes/{node}/dns", needs=AUDIT_NODE, proxied=True)
def dns(call: Call) -> object:
    """resolv.conf: the search domain and up to three servers."""
    files = _files(call)
    return {"search": files.search, **dict(zip(NAME_SERVERS, files.name_servers, strict=False))}


@api.on(
    "PUT",
    "/nodes/{node}/dns",
    needs=MODIFY_NODE,
    proxied=True,
    params=[Param("search"), *(maybe(name, **IP) for name in NAME_SERVERS)],
)
def dns_change(call: Call) -> None:
    """Writes resolv.conf anew."""
    files = _files(call)
    files.search = call.text("search")
    files.name_servers = [call.text(name) for name in NAME_SERVERS if call.has(name)]


@api.on("GET", "/nodes/{node}/hosts", needs=AUDIT_CLUSTER, proxied=True, protected=True)
def hosts(call: Call) -> object:
    """/etc/hosts with its digest."""
    return {"data": _files(call).hosts, "digest": _files(call).hosts_digest()}


@api.on(
    "POST",
    "/nodes/{node}/hosts",
    needs=MODIFY_NODE,
    proxied=True,
    params=[Param("data"), DIGEST],
)
def hosts_change(call: Call) -> None:
    """Writes /etc/hosts anew."""
    _refuse_old(call, _files(call).hosts_digest())
    _files(call).hosts = call.text("data")


def _refuse_old(call: Call, digest: str) -> None:
    if call.has("digest") and call.text("digest") != digest:
        raise died(MODIFIED)


@api.on("GET", "/nodes/{node}/time", needs=AUDIT_NODE, proxied=True)
def time(call: Call) -> object:
    """The clock; `localtime` counts as if the wall clock there were UTC."""
    now, zone = int(call.world.now()), _files(call).timezone
    offset = datetime.fromtimestamp(now, ZoneInfo(zone)).utcoffset()
    seconds = int(offset.total_seconds()) if offset else 0
    return {"time": now, "localtime": now + seconds, "timezone": zone}


@api.on("PUT", "/nodes/{node}/time", needs=MODIFY_NODE, proxied=True, params=[Param("timezone")])
def time_change(call: Call) -> None:
    """Another time zone; the clock itself stays."""
    zone = call.text("timezone")
    if zone not in available_timezones():
        raise died(f"No such timezone '{zone}'")
    _files(call).timezone = zone


SETTINGS = [
    maybe("acme"),
    maybe("ballooning-target", Type.INTEGER, minimum=0, maximum=100),
    maybe("description", max_length=65536),
    maybe("location"),
    maybe("startall-onboot-delay", Type.INTEGER, minimum=0, maximum=300),
    maybe("wakeonlan"),
]


@api.on(
    "GET",
    "/nodes/{node}/config",
    needs=AUDIT_CLUSTER,
    proxied=True,
    params=[maybe("property", enum=tuple(param.name for param in SETTINGS))],
)
def config(call: Call) -> object:
    """The node's own settings; empty until something was set. Judged on `/`, not on the node."""
    files = _files(call)
    if call.has("property"):
        wanted = call.text("property")
        return {wanted: files.settings[wanted]} if wanted in files.settings else {}
    if not files.settings:
        return {}
    numbers = {p.name for p in SETTINGS if p.type is Type.INTEGER}
    shown = {n: int(v) if n in numbers else v for n, v in files.settings.items()}
    return {**shown, "digest": files.settings_digest()}


@api.on(
    "PUT",
    "/nodes/{node}/config",
    needs=Needs("/", ("Sys.Modify",)),
    proxied=True,
    params=[*SETTINGS, maybe("delete"), maybe("digest", max_length=40)],
)
def config_change(call: Call) -> None:
    """Sets what is given and deletes what is named."""
    files = _files(call)
    call.need_quorum()
    _refuse_old(call, files.settings_digest())
    files.settings |= {p.name: call.text(p.name) for p in SETTINGS if call.has(p.name)}
    for name in items_of(call.text("delete")):
        files.settings.pop(name, None)
