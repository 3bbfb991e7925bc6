"""What happens if nodes die now: the HA engine, run forward from what was observed.

`snapshot` says what has to be known, `oracle.Oracle` answers. docs/ha.md tells how.
"""
