"""What retraining runs leave on this machine, and what of it may go."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from components.monitor.retraining.leftovers import YOUNG_SECONDS, find_leftovers
from components.monitor.retraining.local import LocalRunner
from components.monitor.retraining.runner import Order
from components.monitor.storage.connection import StoreError
from components.monitor.storage.records import Outcome, Retraining
from components.monitor.store import Store

SPEC = {"name": "a-churn", "source": ["/data/a.csv"]}
WAIT = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"


def identity(day: int, model: str = "a-churn") -> str:
    return f"202611{day:02}T120000Z-{model}-ab12cd"


def age(folder: Path, seconds: float = YOUNG_SECONDS + 60) -> None:
    moment = time.time() - seconds
    for entry in (*folder.iterdir(), folder):
        os.utime(entry, (moment, moment))


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Path]:
    """Runs a command to its end, as the monitor would have days ago."""

    def run(name: str) -> Path:
        runner = LocalRunner(tmp_path, (sys.executable, "-c", "print('{}')"))
        folder = Path(runner.start(Order(name, "a-churn", SPEC, "")))
        until(lambda: runner.follow(name, str(folder), "a-churn"))
        age(folder)
        return folder

    return run


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def record(store: Path, **outcomes: Outcome) -> None:
    opened = Store(store)
    opened.begin()
    for day, outcome in outcomes.items():
        name = identity(int(day.removeprefix("day_")))
        opened.add_retraining(Retraining(name, "a-churn", "drift", 1, outcome, "why", "{}"))
    opened.commit()
    opened.close()


def test_find_leftovers_newest_of_each_model_stay(tmp_path: Path, run: Callable[..., Path]) -> None:
    folders = [run(identity(day)) for day in (1, 2, 3)]
    run(identity(1, "b"))
    assert find_leftovers(tmp_path, tmp_path / "none.db", 1) == [folders[1], folders[0]]
    assert find_leftovers(tmp_path, tmp_path / "none.db", 3) == []


def test_find_leftovers_end_that_the_monitor_has_not_noted_stays(
    tmp_path: Path, run: Callable[..., Path]
) -> None:
    folders = [run(identity(day)) for day in (1, 2, 3)]
    record(tmp_path / "m.db", day_1="started", day_2="promoted", day_3="failed")
    assert find_leftovers(tmp_path, tmp_path / "m.db", 0) == [folders[2], folders[1]]


def test_find_leftovers_run_that_lives_stays(tmp_path: Path) -> None:
    runner = LocalRunner(tmp_path, (sys.executable, "-c", WAIT))
    name = identity(1)
    folder = Path(runner.start(Order(name, "a-churn", SPEC, "")))
    until((folder / "result.json").read_text)
    age(folder)
    assert find_leftovers(tmp_path, tmp_path / "none.db", 0) == []
    os.kill(int((folder / "result.json").read_text()), signal.SIGKILL)
    until(lambda: runner.follow(name, str(folder), "a-churn"))
    assert find_leftovers(tmp_path, tmp_path / "none.db", 0) == [folder]


def test_find_leftovers_young_folder_stays(tmp_path: Path, run: Callable[..., Path]) -> None:
    folder = run(identity(1))
    age(folder, YOUNG_SECONDS - 60)
    assert find_leftovers(tmp_path, tmp_path / "none.db", 0) == []


def test_find_leftovers_store_that_cannot_be_read_nothing_goes(
    tmp_path: Path, run: Callable[..., Path]
) -> None:
    run(identity(1))
    (tmp_path / "m.db").write_bytes(b"no database " * 1000)
    with pytest.raises(StoreError):
        find_leftovers(tmp_path, tmp_path / "m.db", 0)


def test_find_leftovers_without_any_run_asks_nobody(tmp_path: Path) -> None:
    (tmp_path / "m.db").write_bytes(b"no database " * 1000)
    assert find_leftovers(tmp_path, tmp_path / "m.db", 0) == []
