from pathlib import Path

import pytest

from components.ingest.places import find_places


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
