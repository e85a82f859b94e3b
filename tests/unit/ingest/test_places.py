import os
from pathlib import Path

import pytest
from pydantic_core import PydanticCustomError

from components.errors import DataError
from components.ingest.places import find_places
from components.spec.sources import check_source


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        (["{}/*.csv", "{}/b.csv"], ["{}/a[1].csv", "{}/b.csv"]),
        (["{}/b.csv", "{}/*.csv"], ["{}/b.csv", "{}/a[1].csv"]),
        (["{}/a[1].csv"], ["{}/a[1].csv"]),
        (["file://{}/a%5B1%5D.csv"], ["{}/a[1].csv"]),
        (["{}/**/c%20.csv"], ["{}/deep/c%20.csv"]),
        (["sklearn://iris", "s3://b/*.csv"], ["sklearn://iris", "s3://b/*.csv"]),
    ],
)
def test_find_places_names_each_file_once(
    tmp_path: Path, sources: list[str], found: list[str]
) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("a[1].csv", "b.csv", "deep/c%20.csv"):
        (tmp_path / name).write_text("x\n")
    places = find_places(source.format(tmp_path) for source in sources)
    assert places == [place.format(tmp_path) for place in found]


def test_find_places_loop_of_links_finds_each_file_once(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("x\n")
    (tmp_path / "data" / "again").symlink_to(tmp_path / "data")
    assert find_places([f"{tmp_path}/data/**/*.csv"]) == [f"{tmp_path}/data/a.csv"]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("loop", "cannot be opened: Too many levels of symbolic links"),
        ("folder", "is a directory: name its files"),
        ("pipe", "is a pipe or a device"),
        ("missing", "cannot be opened: No such file or directory"),
        ("none-*", "matches no file"),
    ],
)
def test_find_places_no_file_is_refused(tmp_path: Path, kind: str, said: str) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match=said) as error:
        find_places([str(tmp_path / kind)])
    assert str(tmp_path / kind) in str(error.value)


@pytest.mark.parametrize(
    "source", ["http://127.0.0.1:8/t.csv", "http://[::1]:8/t.csv", "http://localhost/t.csv"]
)
def test_check_source_plain_http_to_this_machine_is_accepted(source: str) -> None:
    assert check_source(source) == source


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("http://example.org/t.csv", "https://, since http:// is open to all on its way"),
        ("http://127.0.0.1.example.org/t.csv", "https://, since http:// is open to all"),
        ("http://10.0.0.1/t.csv", "https://, since http:// is open to all"),
        ("http://127.0.0.1/", "http:// and a host, then a path"),
        ("https://example.org/*.csv", "https:// and one file, since a web server lists none"),
    ],
)
def test_check_source_that_cannot_be_fetched_is_refused(source: str, said: str) -> None:
    with pytest.raises(PydanticCustomError) as error:
        check_source(source)
    assert said in str(error.value)
