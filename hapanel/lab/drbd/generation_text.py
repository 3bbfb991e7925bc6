"""`drbdadm get-gi` and `show-gi`: generations and flags of a volume (recordings)."""

from hapanel.lab.drbd.side import JUST_CREATED, Connection, Disk, Role, Side
from hapanel.lab.drbd.spec import Version

HEAD = """
       +--<  Current data generation UUID  >-
       |               +--<  Bitmap's base data generation UUID  >-
       |               |                 +--<  younger history UUID  >-
       |               |                 |         +-<  older history  >-
       V               V                 V         V
"""
NEVER_SEEN = "zero size device -- never seen peer yet?\n"
LEGEND_84 = """\
                                                                    ^ ^ ^ ^ ^ ^ ^
                                      -<  Data consistency flag  >--+ | | | | | |
                             -<  Data was/is currently up-to-date  >--+ | | | | |
                                  -<  Node was/is currently primary  >--+ | | | |
                                  -<  Node was/is currently connected  >--+ | | |
         -<  Node was in the progress of setting all bits in the bitmap  >--+ | |
                        -<  The peer's disk was out-dated or inconsistent  >--+ |
      -<  This node was a crashed primary, and has not seen its peer since   >--+

"""
LEGEND_9 = """\
                                                                    ^ ^ ^ ^ ^ ^ ^ ^ ^ ^ ^ ^
                                      -<  Data consistency flag  >--+ | | | | | | | | | | |
                             -<  Data was/is currently up-to-date  >--+ | | | | | | | | | |
                                  -<  Node was/is currently primary  >--+ | | | | | | | | |
 -<  This node was a crashed primary, and has not seen its peer since  >--+ | | | | | | | |
             -<  The activity-log was applied, the disk can be attached  >--+ | | | | | | |
        -<  The activity-log was disabled, peer is completely out of sync  >--+ | | | | | |
                              -<  This node was primary when it lost quorum  >--+ | | | | |
                                          -<  Node was/is currently connected  >--+ | | | |
                              -<  The peer's disk was out-dated or inconsistent  >--+ | | |
                                 -<   A fence policy other the dont-care was used  >--+ | |
                  -<  Node was in the progress of marking all blocks as out of sync  >--+ |
                     -<  At least once we saw this node with a backing device attached >--+

"""


def get_gi(side: Side, peer: str, number: int) -> str:
    """The line for one volume and one peer."""
    volume, connection = side.volumes[number], side.connections[peer]
    generations = [volume.current, connection.devices[number].bitmap, *volume.history]
    flags = _flags_84 if side.version is Version.V84 else _flags_9
    words = [f"{generation:016X}" for generation in generations]
    return ":".join(words + [str(int(flag)) for flag in flags(side, connection, number)])


def _common(side: Side, connection: Connection, number: int) -> tuple[bool, bool, bool, bool]:
    volume, device = side.volumes[number], connection.devices[number]
    disk = volume.disk if side.is_up else volume.kept_disk
    disk = volume.kept_disk if disk is Disk.DISKLESS else disk
    is_consistent = disk not in (Disk.INCONSISTENT, Disk.FAILED)
    peer_is_old = device.peer_disk in (Disk.INCONSISTENT, Disk.OUTDATED)
    return is_consistent, disk is Disk.UP_TO_DATE, connection.is_up, peer_is_old


def _flags_84(side: Side, connection: Connection, number: int) -> list[bool]:
    consistent, current, connected, peer_is_old = _common(side, connection, number)
    crashed = side.was_crashed_primary
    return [consistent, current, side.is_primary, connected, False, peer_is_old, crashed]


def _flags_9(side: Side, connection: Connection, number: int) -> list[bool]:
    consistent, current, connected, peer_is_old = _common(side, connection, number)
    volume = side.volumes[number]
    primary, crashed = side.is_primary, side.is_primary or side.was_crashed_primary
    was_seen = volume.current != JUST_CREATED or connected
    applied = not side.is_up
    follows = connected and not primary and connection.peer_role is Role.PRIMARY
    flags = [consistent, current, primary or follows, crashed, applied, follows, False]
    return [*flags, connected, connected and peer_is_old, False, False, was_seen]


def show_gi(side: Side, peer: str, number: int) -> str:
    """The same with the tool's drawing."""
    legend = LEGEND_84 if side.version is Version.V84 else LEGEND_9
    text = HEAD + get_gi(side, peer, number) + "\n" + legend
    if side.version is Version.V9:
        return text if side.is_up else f"{text}\n{NEVER_SEEN}"
    volume, connection = side.volumes[number], side.connections[peer]
    disk = volume.disk if side.is_up else volume.kept_disk
    words = [side.role.value, "Connected" if connection.is_up else "StandAlone", disk.value]
    words += ["peer Outdated"] * _common(side, connection, number)[3]
    ending = "meta-data: need apply-al\n"
    if not side.is_up:
        ending = f"meta-data: clean\n{NEVER_SEEN}"
    return text + f"flags: {', '.join(words)}\n{ending}"
