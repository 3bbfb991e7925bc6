"""The web services inside guests: they answer for as long as their guest really runs."""

import asyncio
from html import escape

from hapanel.lab.names import RunState
from hapanel.lab.net.http import BadRequest, Response, read_request
from hapanel.lab.net.listener import Connection, Door, Listener
from hapanel.lab.scenario import GUEST_PORT
from hapanel.lab.world import Guest, Outage, Power, Serves, World

SERVER = "nginx"
IDLE_SECONDS = 30.0


class GuestService:
    """The web server of one guest, on its own address that moves with it."""

    def __init__(self, world: World, guest: Guest, serves: Serves) -> None:
        self._world = world
        self._last = guest
        self._address = serves.address
        self._awake = asyncio.Event()
        self._listener = Listener(serves.address, GUEST_PORT, self._serve)
        self._wake_up: asyncio.TimerHandle | None = None

    @property
    def _guest(self) -> Guest:
        """Whoever has the number now, such as one restored from a backup, or had it last."""
        guest = self._world.guests.get(self._last.vmid)
        if guest is not None and guest.serves is not None:
            self._last = guest
        return self._last

    @property
    def _serves(self) -> Serves:
        serves = self._guest.serves
        assert serves is not None
        return serves

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self._address}:{GUEST_PORT}/"

    def follow(self) -> None:
        """Takes over what became of the guest: answers, waits, refuses or is swallowed."""
        guest, world = self._guest, self._world
        host = world.nodes[guest.runs_on or guest.node]
        self._awake.clear()
        if not guest.is_running and host.power is not Power.ON:
            self._close(Door.BLACK_HOLE, "host is down")
        elif not guest.is_running:
            self._close(Door.CLOSED, "guest is stopped")
        elif not self._serves.is_enabled:
            self._close(Door.CLOSED, "service is off")
        elif world.now() < self._serves.ready_at:
            self._close(Door.CLOSED, "guest is booting")
            self._look_again_at(self._serves.ready_at)
        elif guest.state is RunState.PAUSED:
            self._note("guest is paused")
        else:
            self._listener.set_door(Door.OPEN)
            self._awake.set()
            self._note(None)

    def _close(self, door: Door, because: str) -> None:
        self._listener.set_door(door)
        self._note(because)

    def _look_again_at(self, epoch: float) -> None:
        if self._wake_up is not None:
            self._wake_up.cancel()
        delay = max(0.0, epoch - self._world.now()) + 0.001
        self._wake_up = asyncio.get_running_loop().call_later(delay, self.follow)

    def _note(self, because: str | None) -> None:
        """Keeps the guest's own record of when it did not answer."""
        outages, now = self._serves.outages, self._world.now()
        current = outages[-1] if outages and outages[-1].end is None else None
        if because is None:
            if current is not None:
                current.end = now
        elif current is None:
            outages.append(Outage(now, because))

    async def _serve(self, connection: Connection) -> None:
        while True:
            try:
                request = await asyncio.wait_for(read_request(connection.reader), IDLE_SECONDS)
            except (TimeoutError, BadRequest):
                return
            if request is None:
                return
            await self._awake.wait()
            name = escape(self._serves.name)
            page = f"<!doctype html><title>{name}</title><h1>{name}</h1>\n".encode()
            answer = Response(200, "OK", page, "text/html; charset=utf-8")
            close = request.wants_close
            connection.writer.write(answer.wire(close=close, server=SERVER))
            await connection.writer.drain()
            if close:
                return

    def close(self) -> None:
        """Ends the server."""
        if self._wake_up is not None:
            self._wake_up.cancel()
        self._listener.set_door(Door.CLOSED)
