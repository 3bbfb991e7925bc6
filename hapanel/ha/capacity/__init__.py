"""Is there room? What must fit where when a node dies, and whether one more guest fits.

`loss.Survey` answers the first, `planned.plan` the second. Where guests land is the engine's own
placement: a capacity question is a forecast in a cluster that is quorate and armed, so that the
answer is about room alone.
"""
