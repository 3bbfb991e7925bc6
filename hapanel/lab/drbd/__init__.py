"""The lab's DRBD: kernel, tools, volume groups and the ssh door. Written from recordings alone."""
