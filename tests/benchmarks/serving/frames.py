"""Byte strings in a file, each behind its length in eight digits, as `requests.lua` reads them."""

from collections.abc import Iterable
from pathlib import Path


def write_frames(path: Path, frames: Iterable[bytes]) -> None:
    """Writes byte strings of less than 100 MB each."""
    path.write_bytes(b"".join(b"%08d%b" % (len(frame), frame) for frame in frames))


def read_frames(path: Path) -> list[bytes]:
    """Reads what `write_frames` wrote."""
    content, frames, at = path.read_bytes(), [], 0
    while at < len(content):
        end = at + 8 + int(content[at : at + 8])
        frames.append(content[at + 8 : end])
        at = end
    return frames
