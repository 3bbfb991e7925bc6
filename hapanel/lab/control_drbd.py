"""Hurting DRBD by `ctl`: writes, roles, broken disks. The tools refuse what these do not."""

from hapanel.lab.drbd.declined import Declined
from hapanel.lab.drbd.living import Replication
from hapanel.lab.drbd.side import Side
from hapanel.lab.words import Refused, number

KIB_IN_MIB = 1024


def _side(replication: Replication, args: list[str], form: str, words: int) -> Side:
    if len(args) != words:
        raise Refused(form)
    side = replication.side(args[0], args[1])
    if side is None:
        known = sorted(f"{node} {resource}" for resource, node in replication.kernel.sides)
        raise Refused(f"no resource {args[1]!r} on {args[0]!r}; there are: {', '.join(known)}")
    return side


def write_on(replication: Replication, args: list[str]) -> None:
    """`write NODE RESOURCE MIB`. Raises Refused where DRBD does not let anybody write."""
    side = _side(replication, args, "write NODE RESOURCE MIB", 3)
    amount = number(args[2], "MIB")
    try:
        replication.kernel.write(side, int(amount * KIB_IN_MIB))
    except Declined as fault:
        raise Refused(f"{side.node} may not write on {side.spec.name}: {fault}") from fault


def change_role(replication: Replication, args: list[str]) -> None:
    """`role NODE RESOURCE primary|secondary`. Raises Refused as drbdadm would."""
    side = _side(replication, args, "role NODE RESOURCE primary|secondary", 3)
    if args[2] not in ("primary", "secondary"):
        raise Refused("a role is primary or secondary")
    change = getattr(replication.kernel, args[2])
    try:
        change(side)
    except Declined as fault:
        raise Refused(f"{side.node} does not become {args[2]}: {fault}") from fault


def alter(replication: Replication, args: list[str]) -> None:
    """`alter NODE RESOURCE KIB`: the disk below changes without DRBD, for a verify to find."""
    side = _side(replication, args, "alter NODE RESOURCE KIB", 3)
    replication.kernel.alter(side, int(number(args[2], "KIB")))


def fail_disk(replication: Replication, args: list[str]) -> None:
    """`fail-disk NODE RESOURCE`: the disk below breaks, DRBD goes on without it."""
    side = _side(replication, args, "fail-disk NODE RESOURCE", 2)
    if not side.is_up:
        raise Refused(f"{side.spec.name} is not up on {side.node}")
    replication.kernel.fail_disk(side)
