"""Brings a registered version into service, and puts the last good one back where that fails."""
