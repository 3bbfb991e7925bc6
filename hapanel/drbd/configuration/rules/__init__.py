"""What lint looks for, by topic."""
