"""Changes of the HA configuration: whether they may be made, what they effect, whether they are."""
