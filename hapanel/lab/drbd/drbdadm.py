"""`drbdadm`: by resource names, by way of drbdsetup, whose failures it repeats (recordings).

The secret of a resource stands in what 8.4 repeats, as in reality.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from hapanel.lab.drbd.answers import DONE, Answer
from hapanel.lab.drbd.config import dump, dump_all
from hapanel.lab.drbd.declined import NO_MINOR, SILENTLY, UNKNOWN_RESOURCE, Declined
from hapanel.lab.drbd.generation_text import get_gi, show_gi
from hapanel.lab.drbd.kernel import Kernel
from hapanel.lab.drbd.proc import connection_state
from hapanel.lab.drbd.side import Side
from hapanel.lab.drbd.spec import Version
from hapanel.lab.drbd.status import status_of
from hapanel.lab.drbd.verbs import CHANGING, OPTIONS

VERSIONS = {
    Version.V84: (
        "DRBDADM_BUILDTAG=GIT-hash:\\ 409097fe02187f83790b88ac3e0d94f3c167adab\\ reproducible\\ "
        "build\\,\\ 2023-01-09\\ 14:51:18\nDRBDADM_API_VERSION=1\n"
        "DRBD_KERNEL_VERSION_CODE=0x08040b\nDRBDADM_VERSION_CODE=0x091600\nDRBDADM_VERSION=9.22.0\n"
    ),
    Version.V9: (
        "DRBDADM_BUILDTAG=GIT-hash:\\ 409097fe02187f83790b88ac3e0d94f3c167adab\\ reproducible\\ "
        "build\\,\\ 2023-01-09\\ 14:51:18\nDRBDADM_API_VERSION=2\n"
        "DRBD_KERNEL_VERSION_CODE=0x090212\nDRBD_KERNEL_VERSION=9.2.18\n"
        "DRBDADM_VERSION_CODE=0x091600\nDRBDADM_VERSION=9.22.0\n"
    ),
}
PART = re.compile(r"([^:/]+)(?::([^/]+))?(?:/(\d+))?")


@dataclass(frozen=True)
class Target:
    """What a word names: a resource here, maybe one peer, maybe one volume."""

    side: Side
    peers: tuple[str, ...]
    numbers: tuple[int, ...]
    has_volume: bool


class Unnamed(Exception):
    """The word names nothing here."""


class Drbdadm:
    """drbdadm on one node."""

    def __init__(self, kernel: Kernel, node: str) -> None:
        self._kernel, self._node = kernel, node

    def run(self, words: list[str]) -> Answer:
        """The answer to `drbdadm WORDS`."""
        if words == ["--version"]:
            return Answer(VERSIONS[self._kernel.version])
        options = [word for word in words[1:] if word.startswith("-")]
        names = [word for word in words[1:] if not word.startswith("-")]
        verb = words[0] if words else ""
        if verb not in LOOKING and verb not in CHANGING:
            return Answer("", f"drbdadm: Unknown command '{verb}'\n", 1)
        unknown = [option for option in options if option not in OPTIONS.get(verb, ())]
        if unknown:
            text = f"drbdadm: unrecognized option '{unknown[0]}'\ntry 'drbdadm help'\n"
            return Answer("", text, 1)
        return self._on_each(verb, names, options)

    def _on_each(self, verb: str, names: list[str], options: list[str]) -> Answer:
        if not names and verb in WITHOUT_NAME:
            return WITHOUT_NAME[verb](self)
        if not names:
            return Answer("", f"drbdadm: {verb} needs a resource\n", 20)
        try:
            targets = [target for name in names for target in self._targets(name)]
        except Unnamed as fault:
            return Answer("", f"'{fault}' not defined in your config (for this host).\n", 1)
        output = ""
        for target in targets:
            look = LOOKING.get(verb)
            answer = look(self, target) if look else self._change(verb, target, options)
            output += answer.stdout
            if answer.exit:
                return Answer(output, answer.stderr, answer.exit)
        return Answer(output)

    def _targets(self, name: str) -> list[Target]:
        sides = self._kernel.sides_on(self._node)
        if name == "all":
            return [_whole(side) for side in sides]
        match = PART.fullmatch(name)
        side = next((s for s in sides if match and s.spec.name == match[1]), None)
        if match is None or side is None or (match[2] and match[2] not in side.connections):
            raise Unnamed(name)
        whole = _whole(side)
        numbers = (int(match[3]),) if match[3] else whole.numbers
        if numbers[-1] >= len(side.volumes):
            raise Unnamed(name)
        return [Target(side, (match[2],) if match[2] else whole.peers, numbers, bool(match[3]))]

    # Looking

    def status(self, target: Target) -> Answer:
        """`status RESOURCE`."""
        if target.side.is_up:
            return Answer(status_of([target.side], self._kernel.now))
        name = target.side.spec.name
        head = "# No currently configured DRBD found.\n" if self._is_v9 else ""
        text = f"{name}: No such resource\n"
        return Answer(head, text + self._terminated(f"status {name}", 10), 10)

    def status_all(self) -> Answer:
        """`status`."""
        sides = self._kernel.sides_on(self._node)
        down = next((side for side in sides if not side.is_up), None)
        if down is not None and not self._is_v9:
            return self.status(_whole(down))
        return Answer(status_of([side for side in sides if side.is_up], self._kernel.now))

    def role(self, target: Target) -> Answer:
        """`role`: in 8.4 both roles, for each volume."""
        side = target.side
        if not side.is_up:
            name = side.spec.name
            if self._is_v9:
                text = f"{name}: Unknown resource\n" + self._terminated(f"role {name}", 10)
                return Answer("", text, 10)
            return self._failed("role", target, Declined(NO_MINOR), "", 0)
        if self._is_v9:
            return Answer(f"{side.role.value}\n")
        peer_role = next(iter(side.connections.values())).peer_role
        return Answer(f"{side.role.value}/{peer_role.value}\n" * len(target.numbers))

    def cstate(self, target: Target) -> Answer:
        """`cstate`: in 8.4 for each volume, in 9 for each peer."""
        side = target.side
        if self._is_v9 and target.has_volume:
            text = "cstate operates on whole resources, but you specified a specific volume!\n"
            return Answer("", text, 1)
        if not side.is_up:
            return self._cstate_down(target)
        connections = [side.connections[peer] for peer in target.peers]
        if self._is_v9:
            return Answer("".join(f"{c.state.value}\n" for c in connections))
        states = [connection_state(connections[0], connections[0].devices[n]) for n in
                  target.numbers]  # fmt: skip
        return Answer("".join(f"{state}\n" for state in states))

    def _cstate_down(self, target: Target) -> Answer:
        if not self._is_v9:
            return self._failed("cstate", target, Declined(NO_MINOR), "", 0)
        name, peer = target.side.spec.name, target.side.spec.nodes.index(target.peers[0])
        text = f"{name}: Failure: ({UNKNOWN_RESOURCE}) Unknown resource\n{name}: No such connection"
        return Answer("", f"{text}\n" + self._terminated(f"cstate {name} {peer}", 10), 10)

    def dstate(self, target: Target) -> Answer:
        """`dstate`: own disk, then the peers' from the last to the first."""
        side, text = target.side, ""
        for number in target.numbers:
            if not side.is_up:
                text += f"{side.volumes[number].kept_disk.value}\n"
                continue
            peers = [side.connections[p].devices[number].peer_disk for p in target.peers]
            disks = [side.volumes[number].disk, *reversed(peers)]
            text += "/".join(disk.value for disk in disks) + "\n"
        return Answer(text)

    def get_gi(self, target: Target) -> Answer:
        """`get-gi`: a line for each volume and peer."""
        return Answer("".join(
            get_gi(target.side, peer, n) + "\n" for n in target.numbers for peer in target.peers
        ))  # fmt: skip

    def show_gi(self, target: Target) -> Answer:
        """`show-gi`: the same with a legend."""
        return Answer("".join(
            show_gi(target.side, peer, n) for n in target.numbers for peer in target.peers
        ))  # fmt: skip

    def dump(self, target: Target) -> Answer:
        """`dump RESOURCE`."""
        return Answer(dump(target.side))

    def dump_all(self) -> Answer:
        """`dump`."""
        return Answer(dump_all(self._kernel.sides_on(self._node)))

    def sh_dev(self, target: Target) -> Answer:
        """`sh-dev`."""
        minors = [target.side.spec.volumes[n].minor for n in target.numbers]
        return Answer("".join(f"/dev/drbd{minor}\n" for minor in minors))

    def sh_ll_dev(self, target: Target) -> Answer:
        """`sh-ll-dev`: the disks below."""
        disks = [target.side.spec.volumes[n].disk for n in target.numbers]
        return Answer("".join(f"{disk}\n" for disk in disks))

    # Changing

    def _change(self, verb: str, target: Target, options: list[str]) -> Answer:
        each = CHANGING[verb]
        rounds = [("", 0)]
        if each.per_peer:
            rounds = [(peer, 0) for peer in target.peers]
        if each.per_volume:
            rounds = [(peer, number) for peer, _ in rounds for number in target.numbers]
        for peer, number in rounds:
            try:
                each.act(self._kernel, target.side, peer, number, options)
            except Declined as fault:
                return self._failed(verb, target, fault, peer, number, options)
        return DONE

    def _failed(
        self, verb: str, target: Target, fault: Declined, peer: str, number: int,
        options: list[str] | None = None,
    ) -> Answer:  # fmt: skip
        if fault.number == SILENTLY:
            return Answer("", "", fault.exit_status)
        subject, command = self._spelled(verb, target.side, peer, number)
        text = fault.line(subject) + "\n"
        if fault.more:
            text += f"additional info from kernel:\n{fault.more}\n"
        command = " ".join([command, *(options or [])])
        text += self._terminated(command, fault.exit_status)
        return Answer("", text, fault.exit_status)

    def _terminated(self, command: str, status: int) -> str:
        tool = "drbdsetup" if self._is_v9 else "drbdsetup-84"
        return f"Command '{tool} {command}' terminated with exit code {status}\n"

    def _spelled(self, verb: str, side: Side, peer: str, number: int) -> tuple[str, str]:
        """Whom drbdsetup complains about, and how it was called."""
        name, minor = side.spec.name, side.spec.volumes[number].minor
        if verb == "down":
            return name, f"down {name}"
        if verb in ("attach", "detach") or (not self._is_v9 and verb not in PER_CONNECTION):
            return str(minor), f"{verb} {minor}"
        if self._is_v9:
            ids = f" {side.spec.nodes.index(peer)}" if peer else ""
            ids += f" {number}" if peer and CHANGING[verb].per_volume else ""
            return name, f"{verb} {name}{ids}"
        own = side.spec.nodes.index(side.node)
        addresses = f"ipv4:{side.addresses[own]} ipv4:{side.addresses[1 - own]}"
        if verb == "disconnect":
            return "??", f"disconnect {addresses}"
        net = " ".join(f"--{key}={word}" for key, word in side.spec.net.items())
        return name, f"connect {name} {addresses} {net}"

    @property
    def _is_v9(self) -> bool:
        return self._kernel.version is Version.V9


def _whole(side: Side) -> Target:
    return Target(side, tuple(side.connections), tuple(range(len(side.volumes))), False)


PER_CONNECTION = ("connect", "disconnect")
LOOKING: dict[str, Callable[[Drbdadm, Target], Answer]] = {
    "status": Drbdadm.status,
    "role": Drbdadm.role,
    "cstate": Drbdadm.cstate,
    "dstate": Drbdadm.dstate,
    "get-gi": Drbdadm.get_gi,
    "show-gi": Drbdadm.show_gi,
    "dump": Drbdadm.dump,
    "sh-dev": Drbdadm.sh_dev,
    "sh-ll-dev": Drbdadm.sh_ll_dev,
}
WITHOUT_NAME: dict[str, Callable[[Drbdadm], Answer]] = {
    "status": Drbdadm.status_all,
    "dump": Drbdadm.dump_all,
}
