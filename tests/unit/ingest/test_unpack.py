import bz2
import gzip
import lzma
import os
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from components.errors import DataError
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


@pytest.mark.parametrize(
    ("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_unpack_file_that_is_cut_off_tells_what_came_of_it(
    tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    packed = tmp_path / f"t{suffix}"
    packed.write_bytes(pack(os.urandom(3_000_000))[:2_000_000])
    with pytest.raises(DataError) as error:
        unpack("t", packed, suffix, tmp_path / "out")
    found = re.search(r"cut off after ([0-9,]+) bytes of content", str(error.value))
    assert found
    # bzip2 unpacks blocks of 900,000 bytes, and only whole ones.
    assert 1_000_000 < int(found[1].replace(",", "")) <= 2_000_000


def test_unpack_file_that_is_damaged_is_not_called_cut_off(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(os.urandom(100_000)))
    content[-6] ^= 1
    (tmp_path / "t.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"no whole \.gz file, damaged after 100,000 bytes"):
        unpack("t", tmp_path / "t.gz", ".gz", tmp_path / "out")
