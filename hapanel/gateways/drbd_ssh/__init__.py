"""Nodes over ssh: pinned host keys, one kept connection each, time-outs for everything."""
