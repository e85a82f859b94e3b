"""Closes the loop: from a verdict or an alert to a training run, and to what became of it."""
