"""Reads the sources of a spec into one table, private columns protected before the first write."""
