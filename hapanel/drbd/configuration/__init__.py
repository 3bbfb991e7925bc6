"""DRBD's configuration as people write it: read, judged and compared, each word at its place.

`reader.read` makes a document of text, `model.understood` what it means, `lint.lint` the findings,
`compare.compare` what differs between two nodes' files. Nothing here opens a file: whoever has the
files hands in a loader for `include`. Keywords and ranges are those of the drbd.conf manual pages
of 8.4 and 9; what drbdadm accepts and where it says a fault is was recorded from real ones.
"""
