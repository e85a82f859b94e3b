from pathlib import Path

import pyarrow as pa
import pytest

from components.errors import DataError
from components.ingest import scratch as disk
from components.ingest import unpack as module
from components.ingest.scratch import require_room, scratch_beside
from components.ingest.unpack import unpack


def test_unpack_bomb_is_refused_with_nothing_left(tmp_path: Path) -> None:
    zeros = pa.Codec("zstd").compress(bytes(2 * module.HARMLESS), asbytes=True)
    (tmp_path / "bomb.csv.zst").write_bytes(zeros)
    with pytest.raises(DataError, match=r"'bomb' unpacks to more than 200 times its [0-9,]+ bytes"):
        unpack("bomb", tmp_path / "bomb.csv.zst", ".zst", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_unpack_much_of_the_same_is_no_bomb_while_it_is_small(tmp_path: Path) -> None:
    zeros = bytes(2**24)
    (tmp_path / "t.zst").write_bytes(pa.Codec("zstd").compress(zeros, asbytes=True))
    unpack("t", tmp_path / "t.zst", ".zst", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == zeros


def test_require_room_more_than_is_free_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'t' does not fit on the disk .* make room there"):
        require_room(tmp_path, 2**60, "t")
    require_room(tmp_path, 1, "t")


def test_scratch_is_the_owners_alone_and_goes_in_any_case(tmp_path: Path) -> None:
    stale = tmp_path / ".out.scratch"
    stale.mkdir()
    (stale / "left").touch()
    with pytest.raises(ZeroDivisionError), scratch_beside(tmp_path / "out") as scratch:  # noqa: PT012
        assert scratch == stale
        assert list(scratch.iterdir()) == []
        assert scratch.stat().st_mode & 0o777 == 0o700
        (scratch / "rows").touch()
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_is_full_knows_the_systems_and_polars_words() -> None:
    assert disk.is_full(OSError(28, "No space left on device"))
    assert disk.is_full(RuntimeError("No space left on device (os error 28)"))
    assert not disk.is_full(OSError(13, "Permission denied"))
