"""Sockets: servers that can be frozen, refused and swallowed."""
