"""`./panel bench`: what the panel costs, as ratios to what the same work costs without it."""
