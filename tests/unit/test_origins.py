from pathlib import Path

import pytest

from components.errors import DataError
from components.origins import ORIGINS, Origin, Origins, read_origins, short_names, write_origins

THREE = [Origin(name="a.csv", rows=3), Origin(name="b.csv", rows=0), Origin(name="c.csv", rows=9)]


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ((0,), "a.csv, row 0"),
        ((2, 3), "a.csv, row 2; c.csv, row 0"),
        ((1, 2, 8, 11), "a.csv, rows 1, 2; c.csv, rows 5, 8"),
    ],
)
def test_said_row_is_placed_in_its_source(places: tuple[int, ...], said: str) -> None:
    assert Origins(sources=tuple(THREE)).said(places) == said


def test_said_without_sources_gives_the_positions_alone() -> None:
    assert Origins().said((5, 7)) == "5, 7"


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["/d/a.csv"], ["a.csv"]),
        (["/d/a.csv", "/d/b.csv"], ["a.csv", "b.csv"]),
        (["/d/1/a.csv", "/d/2/a.csv", "b.csv"], ["1/a.csv", "2/a.csv", "b.csv"]),
        (["a.csv", "/a.csv"], ["a.csv", "/a.csv"]),
        (["https://h/a.csv?…", "https://h/a.csv?… (2)"], ["a.csv?…", "a.csv?… (2)"]),
    ],
)
def test_short_names_are_as_short_as_they_differ(names: list[str], short: list[str]) -> None:
    assert short_names(names) == short


def test_origins_are_read_as_written_and_none_where_there_were_none(tmp_path: Path) -> None:
    assert read_origins(tmp_path) == Origins()
    write_origins(tmp_path, THREE)
    assert read_origins(tmp_path).sources == tuple(THREE)


def test_read_origins_newer_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / ORIGINS).write_text('{"format": 2, "sources": []}')
    with pytest.raises(DataError, match="damaged or of a newer format"):
        read_origins(tmp_path)
