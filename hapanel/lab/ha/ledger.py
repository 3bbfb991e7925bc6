"""What the uids of the manager stood for: an LRM's results are told by service and state."""

from hapanel.ha.engine.world import World


class Ledger:
    """Service and state of each uid that the manager gave, as long as anybody speaks of it."""

    def __init__(self) -> None:
        self._noted_at: float | None = None
        self._known: dict[int, tuple[str, str]] = {}

    def note(self, world: World) -> None:
        """Takes in what the manager's last round gave."""
        if world.status_at == self._noted_at:
            return
        self._noted_at = world.status_at
        told = {uid for status in world.lrm_status.values() for uid in status.results}
        self._known = {uid: meant for uid, meant in self._known.items() if uid in told}
        for sid, service in world.services.items():
            self._known[service.uid] = (sid, service.state.value)

    def meaning(self, uid: int) -> tuple[str, str] | None:
        """Service and state, None for a uid of long ago."""
        return self._known.get(uid)
