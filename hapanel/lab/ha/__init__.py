"""High availability in its simplest true form, until the HA engine takes over."""
