"""Runs the panel's processes together and restarts what dies. Standard library only."""
