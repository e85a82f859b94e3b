"""Which folders of retraining runs on this machine may be removed: what has ended and is old.

A folder is a run's only tie to the decision that started it, so it stays while its process lives,
and until the monitor has taken note of its end.
"""

import time
from pathlib import Path
from typing import Final

from components.monitor.retraining.local import FOLDER, is_under_way
from components.monitor.storage.reader import Reader

YOUNG_SECONDS: Final = 24 * 3600
"""A folder that was written to within a day stays: its run may be about to start, and the monitor
may keep its decisions elsewhere."""


def find_leftovers(state: Path, store: Path, keep: int) -> list[Path]:
    """Finds the folders that nothing needs any more.

    Args:
        state: the state folder.
        store: the file of its monitor's store, which may be missing.
        keep: how many of the newest folders of each model stay in any case.

    Returns:
        The folders, the newest first.

    Raises:
        StoreError: the store cannot be read, so that nobody knows which runs it still follows.
    """
    folders = sorted((state / FOLDER).glob("*/"), reverse=True) if (state / FOLDER).is_dir() else []
    followed = _followed(store) if folders else frozenset()
    found: list[Path] = []
    kept: dict[str, int] = {}
    for folder in folders:
        model = folder.name.partition("-")[2].rpartition("-")[0]
        kept[model] = kept.get(model, 0) + 1
        if kept[model] > keep and folder.name not in followed and not _is_needed(folder):
            found.append(folder)
    return found


def _is_needed(folder: Path) -> bool:
    newest = max(entry.stat().st_mtime for entry in (folder, *folder.iterdir()))
    return is_under_way(folder) or time.time() - newest < YOUNG_SECONDS


def _followed(store: Path) -> frozenset[str]:
    """The ids of runs whose end the monitor has not recorded."""
    if not store.exists():
        return frozenset()
    reader = Reader(store)
    try:
        return frozenset(decision.id for decision in reader.retrainings_under_way())
    finally:
        reader.close()
