"""Ranks the candidates, measures the best on the hold-out, and decides whether it is promoted."""
