"""Decoders: DRBD's answers become snapshots. None of them raises, whatever it is given."""
