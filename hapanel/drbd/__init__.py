"""DRBD without a network or a clock: status decoded, sides joined, states judged.

Every answer of DRBD becomes the snapshots of hapanel.ports.replication, whatever its form; what
could not be read is said in them, never raised.
"""
