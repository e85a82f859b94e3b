import fcntl
from pathlib import Path

import polars as pl
import pytest

from components.errors import SpecError
from components.score.output import written

ROWS = pl.DataFrame({"row": [0, 1], "prediction": [1.5, None]})
SUFFIXES = (".csv", ".parquet")


def read(path: Path) -> pl.DataFrame:
    return pl.read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_written_batches_are_one_table_under_the_name(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"answers{suffix}"
    with written(target) as write:
        write(ROWS)
        write(ROWS)
        assert not target.exists()
    assert read(target).equals(pl.concat([ROWS, ROWS]))
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_written_that_fails_keeps_what_was_there(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"answers{suffix}"
    target.write_text("before")
    with pytest.raises(KeyError), written(target) as write:  # noqa: PT012
        write(ROWS)
        raise KeyError
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_written_over_what_a_killed_process_left_is_whole(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"answers{suffix}"
    (tmp_path / f"answers{suffix}.partial").write_bytes(b"x" * 10_000)
    with written(target) as write:
        write(ROWS)
    assert read(target).equals(ROWS)
    assert list(tmp_path.iterdir()) == [target]


def test_written_by_two_at_once_refuses_the_second_and_keeps_the_first(tmp_path: Path) -> None:
    target = tmp_path / "answers.csv"
    with written(target) as write:
        write(ROWS)
        with (
            pytest.raises(SpecError, match="is being written by another process: wait for it"),
            written(target),
        ):
            pass
        write(ROWS)
    assert read(target).equals(pl.concat([ROWS, ROWS]))
    assert list(tmp_path.iterdir()) == [target]


def test_written_to_a_name_that_cannot_be_is_refused(tmp_path: Path) -> None:
    name = "x" * 245 + ".csv"
    with (
        pytest.raises(SpecError, match="cannot be written: File name too long"),
        written(tmp_path / name),
    ):
        pass


def test_written_after_another_lock_ended_goes_on(tmp_path: Path) -> None:
    partial = tmp_path / "answers.csv.partial"
    with partial.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
    with written(tmp_path / "answers.csv") as write:
        write(ROWS)
    assert read(tmp_path / "answers.csv").equals(ROWS)
