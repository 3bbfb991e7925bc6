"""Recorded cases of the real HA manager, played through the engine in the regression profile."""
