"""From a bare Python to a working environment. Standard library only: pip is not there yet."""
