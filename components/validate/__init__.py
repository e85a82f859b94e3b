"""Infers the data's contract, types the rows by it, and reports every failure at once."""
