"""The HA stack of the lab: hapanel.ha.engine, given the lab's hardware, guests and tasks."""
