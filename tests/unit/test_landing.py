import errno
from pathlib import Path

import pytest

from components.errors import DataError
from components.landing import is_full, landing, room_in


def test_landing_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    path.write_text("of another run")
    with landing(path) as partial:
        partial.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_landing_error_leaves_nothing_and_goes_on(
    tmp_path: Path, error: type[BaseException]
) -> None:
    with pytest.raises(error), landing(tmp_path / "rows.parquet") as partial:  # noqa: PT012
        partial.write_text("half")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_room_in_full_disk_names_the_folder_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error, room_in(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert str(error.value).startswith(f"no room for the table in {str(tmp_path)!r}: the disk is")
    assert "make room there" in str(error.value)


def test_is_full_knows_the_systems_and_polars_words() -> None:
    assert is_full(OSError(28, "No space left on device"))
    assert is_full(RuntimeError("No space left on device (os error 28)"))
    assert not is_full(OSError(13, "Permission denied"))
