"""Tells a webhook how a run ended, whatever became of its other tasks."""
