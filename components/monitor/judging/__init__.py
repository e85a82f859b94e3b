"""Judges what was collected: counts events into chunks, windows into verdicts, labels too."""
