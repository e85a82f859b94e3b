"""Keeps the versions: reads the champion, registers a bundle, moves the champion's alias."""
