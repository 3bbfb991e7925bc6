"""What the manager's decisions do to the lab: configurations move, locks go, nodes reset."""

from hapanel.ha.engine.events import Event, LockRemoved, ServiceChanged, WatchdogExpired
from hapanel.ha.engine.words import Requested, ServiceState
from hapanel.lab.ha.configuration import Configuration
from hapanel.lab.hardware import Hardware
from hapanel.lab.world import Guest, World

_RECOVERED = (ServiceState.STARTED, ServiceState.REQUEST_STOP)


class Effects:
    """Follows the engine's events."""

    def __init__(self, world: World, hardware: Hardware, configuration: Configuration) -> None:
        self._world = world
        self._hardware = hardware
        self._configuration = configuration

    def follow(self, event: Event) -> None:
        """Does to the lab what the event says; most events say nothing to it."""
        match event:
            case ServiceChanged(sid=sid, old=ServiceState.RECOVERY, new=new) if new in _RECOVERED:
                self._move_configuration(sid, event.node)
            case ServiceChanged(sid=sid, new=ServiceState.REQUEST_STOP, timeout=int()):
                self._configuration.resources[sid].state = Requested.STOPPED
            case LockRemoved(sid=sid):
                if (guest := self._guest(sid)) is not None:
                    guest.lock = None
            case WatchdogExpired(node=node):
                self._hardware.reset(self._world.nodes[node])
            case _:
                pass

    def _guest(self, sid: str) -> Guest | None:
        return self._world.guests.get(int(sid.partition(":")[2]))

    def _move_configuration(self, sid: str, node: str) -> None:
        """The dead node's lock is the manager's: the guest's file moves to the node it chose."""
        guest = self._guest(sid)
        if guest is not None and guest.node != node:
            guest.node = node
            self._world.changed()
