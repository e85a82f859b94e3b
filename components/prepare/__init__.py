"""Splits typed rows three ways and decides which columns become features."""
