"""/nodes/{node}/syslog, journal, netstat: what the node itself noted and counted."""

from datetime import UTC, datetime

from hapanel.lab.api.routing import Call, Listing, Needs, api
from hapanel.lab.clusterlog import Entry
from hapanel.lab.schema import Type, flag, maybe

Row = dict[str, object]

SYSLOG = Needs("/nodes/{node}", ("Sys.Syslog",))
MOMENT = r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2}(:\d{2})?)?"
LINES_DEFAULT = 50


def _line(entry: Entry) -> str:
    stamp = datetime.fromtimestamp(entry.time, UTC).strftime("%b %d %H:%M:%S")
    return f"{stamp} {entry.node} {entry.tag}[{entry.pid}]: <{entry.user}> {entry.msg}"


def _own(call: Call) -> list[Entry]:
    """What the node logged, oldest first."""
    return [e for e in reversed(call.world.log.all()) if e.node == call.text("node")]


@api.on(
    "GET",
    "/nodes/{node}/syslog",
    needs=SYSLOG,
    proxied=True,
    protected=True,
    params=[
        maybe("start", Type.INTEGER, minimum=0),
        maybe("limit", Type.INTEGER, minimum=0),
        maybe("since", pattern=MOMENT),
        maybe("until", pattern=MOMENT),
        maybe("service", max_length=128),
    ],
)
def syslog(call: Call) -> object:
    """Numbered lines; `total` counts all that match."""
    lines = [_line(entry) for entry in _own(call) if _is_asked_for(call, entry)]
    start, limit = call.number("start"), call.number("limit", LINES_DEFAULT)
    end = start + limit if limit else len(lines)
    rows = [{"n": n, "t": text} for n, text in enumerate(lines, 1)][start:end]
    return Listing(rows or [{"n": 1, "t": "no content"}], len(lines))


def _is_asked_for(call: Call, entry: Entry) -> bool:
    return (
        call.text("service", entry.tag) == entry.tag
        and (not call.has("since") or entry.time >= _epoch(call.text("since")))
        and (not call.has("until") or entry.time <= _epoch(call.text("until")))
    )


def _epoch(moment: str) -> float:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


@api.on(
    "GET",
    "/nodes/{node}/journal",
    needs=SYSLOG,
    proxied=True,
    protected=True,
    params=[
        maybe("endcursor"),
        flag("identifiers"),
        flag("kernel"),
        maybe("lastentries", Type.INTEGER, minimum=0),
        maybe("priority", pattern=r"([0-7](\.\.[0-7])?)?"),
        maybe("service", max_length=128, pattern=r"[A-Za-z0-9_.@:*?!\[\]/-]+"),
        maybe("since", Type.INTEGER, minimum=0),
        maybe("startcursor"),
        flag("structured"),
        maybe("unit", max_length=256, pattern=r"[A-Za-z0-9_.@:-]+"),
        flag("units"),
        maybe("until", Type.INTEGER, minimum=0),
    ],
)
def journal(call: Call) -> object:
    """Lines between two cursors; a cursor is the number of the line it stands before."""
    entries = _own(call)
    numbered = [
        (number, entry)
        for number, entry in enumerate(entries)
        if entry.time >= call.number("since")
        and (not call.has("until") or entry.time <= call.number("until"))
        and number >= _cursor(call, "startcursor", 0)
        and number < _cursor(call, "endcursor", len(entries))
    ]
    if call.has("lastentries"):
        numbered = numbered[max(0, len(numbered) - call.number("lastentries")) :]
    first = numbered[0][0] if numbered else len(entries)
    last = numbered[-1][0] + 1 if numbered else len(entries)
    return [f"c={first}", *(_line(entry) for _, entry in numbered), f"c={last}"]


def _cursor(call: Call, name: str, default: int) -> int:
    number = call.text(name).removeprefix("c=")
    return int(number) if number.isdigit() else default


@api.on("GET", "/nodes/{node}/netstat", needs=Needs("/nodes/{node}", ("Sys.Audit",)), proxied=True)
def netstat(call: Call) -> object:
    """Counters of the running guests' network cards; all values are strings."""
    world, rows = call.world, []
    for guest in world.guests.values():
        if guest.runs_on == call.text("node"):
            report = world.measure_guest(guest)
            counters = {"in": str(report.netin), "out": str(report.netout)}
            rows.append({"vmid": str(guest.vmid), "dev": "net0", **counters})
    return rows
