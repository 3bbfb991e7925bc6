"""The event stream of `drbdsetup events2`: what there is, then what changes (recordings)."""

from collections.abc import Callable
from datetime import UTC, datetime

from hapanel.lab.drbd.rows import Row, Words, rows_of
from hapanel.lab.drbd.side import Side
from hapanel.lab.drbd.spec import Version

MEASURED_WITH = ("device", "peer-device")
PROGRESS_SECONDS = 3.0


class Stream:
    """One reader's stream about one node. `emit` gets whole lines; times of `wall` are epoch
    seconds, those of `clock` seconds of the real thing.
    """

    def __init__(
        self,
        sides: Callable[[], list[Side]],
        clock: Callable[[], float],
        wall: Callable[[], float],
        emit: Callable[[str], None],
        *,
        timestamps: bool,
        statistics: bool,
    ) -> None:
        self._sides, self._clock, self._wall, self._emit = sides, clock, wall, emit
        self._timestamps, self._statistics = timestamps, statistics
        self._known: dict[tuple[str, ...], Row] = {}
        self._told_at = 0.0

    def begin(self) -> None:
        """Every object that exists, and `exists -`."""
        for row in self._rows(with_left=True).values():
            self._say("exists", row.kind, row.words(statistics=self._statistics))
        self._line("exists -")
        self._known = self._rows()

    def follow(self) -> None:
        """Tells what differs from what was told before."""
        rows = self._rows()
        for key, row in reversed(self._known.items()):
            if key not in rows:
                self._say("destroy", row.kind, row.fixed)
        for key, row in rows.items():
            before = self._known.get(key)
            if before is None:
                self._say("create", row.kind, row.words(statistics=self._statistics))
            else:
                self._compare(before, row)
        self._known = rows

    def tick(self) -> None:
        """9 tells the progress of a sync every three seconds."""
        if self._clock() - self._told_at < PROGRESS_SECONDS:
            return
        self._told_at = self._clock()
        rows = self._rows()
        for key, row in rows.items():
            if row.after.get("eta") and key in self._known:
                done = {k: w for group in row.state for k, w in group.items() if k == "done"}
                self._say("change", row.kind, {**row.fixed, **done, **self._measures(row)})
                self._known[key] = row

    def _rows(self, *, with_left: bool = False) -> dict[tuple[str, ...], Row]:
        now = self._clock()
        look = rows_of if with_left else _seen
        rows = [row for side in self._sides() for row in look(side, now)]
        return {row.key: row for row in rows}

    def _compare(self, before: Row, row: Row) -> None:
        old = before.words()
        changed: Words = {}
        for group in row.state:
            if any(old.get(name) != word for name, word in group.items()):
                changed |= group
        if not changed and before.after == row.after:
            return
        if row.kind == "resource" and row.after:
            self._say("change", row.kind, {**row.fixed, **changed, **row.after})
        elif changed:
            measures = self._measures(row) if row.kind in MEASURED_WITH else {}
            measures.pop("al-suspended", None)
            measures.pop("blocked", None)
            self._say("change", row.kind, {**row.fixed, **changed, **measures})

    def _measures(self, row: Row) -> Words:
        return {**row.measures, **row.after} if self._statistics else {}

    def _say(self, what: str, kind: str, words: Words) -> None:
        pairs = " ".join(f"{name}:{word}" for name, word in words.items())
        self._line(f"{what} {kind} {pairs}")

    def _line(self, text: str) -> None:
        if self._timestamps:
            moment = datetime.fromtimestamp(self._wall(), UTC)
            text = f"{moment.isoformat(timespec='microseconds')} {text}"
        self._emit(text + "\n")


def _seen(side: Side, now: float) -> list[Row]:
    """8.4 destroys the connection object of a node that stands alone."""
    rows = rows_of(side, now)
    if side.version is Version.V9:
        return rows
    is_gone = any(connection.is_gone for connection in side.connections.values())
    gone = ("connection", "peer-device") if is_gone else ()
    return [row for row in rows if row.kind not in gone]
