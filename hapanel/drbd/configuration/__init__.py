"""DRBD's configuration as people write it: read, judged and compared, each word at its place.

`reader.read` makes a document of text, `understanding.understood` what it means, `lint.judged` the
findings, `compare.compare` what differs between two nodes' files, `beside.side_by_side` the rows a
page shows, `masking.masked` text that may be stored. Nothing here opens a file: whoever has the
files hands in a loader for `include`, and `subject.Surroundings` what is known of the cluster.
Keywords and ranges are those of the drbd.conf manual pages of 8.4 and 9; what drbdadm accepts and
where it says a fault is was recorded from real ones.
"""
