"""What the locks pin."""

from pathlib import Path

LOCKS = Path(__file__).parents[2] / "docker" / "locks"


def pins(lock: str) -> set[str]:
    """The pins of a lock, with their markers left out."""
    lines = (LOCKS / f"{lock}.txt").read_text(encoding="utf-8").splitlines()
    return {line.split(" ;")[0].rstrip(" \\") for line in lines if line[:1].isalnum()}


def names(lock: str) -> set[str]:
    return {pin.partition("==")[0] for pin in pins(lock)}
