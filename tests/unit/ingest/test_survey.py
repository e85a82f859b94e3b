import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest import survey as module
from components.ingest.survey import survey, without_blank_lines

FIELD = st.text(st.sampled_from('ab,"\\n é'), max_size=4)
ROW = st.lists(FIELD, min_size=1, max_size=4)


@settings(max_examples=150, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=12), st.integers(7, 40))
def test_survey_counts_what_the_csv_reader_counts(rows: list[list[str]], chunk: int) -> None:
    rows = [["h", "i", "j"], *([*row, "x"] for row in rows)]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        # Rows then lie across the pieces in which a file is read.
        patch.setattr(module, "_CHUNK", chunk)
        path = Path(name, "t.csv")
        path.write_text(text.getvalue(), newline="")
        found = survey(path, ",", 3)
    assert (found.stray, found.unclosed, found.not_utf8, found.blank) == (0, 0, 0, 0)
    assert found.short == sum(len(row) < 3 for row in rows)
    assert found.long == sum(len(row) > 3 for row in rows)


@pytest.mark.parametrize("chunk", [8, 2**20])
def test_survey_names_physical_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(module, "_CHUNK", chunk)
    path = tmp_path / "t.csv"
    path.write_bytes(b'a,b\n"1\n1",2\n\n3\n4\n5,6,7\n')
    found = survey(path, ",", 2)
    assert (found.blank, found.short, found.first_short) == (1, 2, 5)
    assert (found.long, found.first_long, found.long_fields) == (1, 7, 3)


@pytest.mark.parametrize(
    ("content", "stray", "unclosed", "not_utf8"),
    [
        (b'a,b\n1,2\n3,x"y\n', 3, 3, 0),
        (b'a,b\n1,2\n3,"y\n4,5\n', 0, 3, 0),
        (b'a,b\n1,x "y" z\n2\n', 2, 0, 0),
        (b'a,b\n1,"x""y"\n2,""\n', 0, 0, 0),
        (b"a,b\n1,2\n\xe9,3\n", 0, 0, 3),
    ],
)
def test_survey_tells_quotes_and_encoding(
    tmp_path: Path, content: bytes, stray: int, unclosed: int, not_utf8: int
) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    found = survey(tmp_path / "t.csv", ",", 2)
    assert (found.stray, found.unclosed, found.not_utf8) == (stray, unclosed, not_utf8)


def test_survey_row_without_end_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ROW_BYTES", 2**20)
    (tmp_path / "t.csv").write_bytes(b'a,b\n1,"2\n' + b"3,4\n" * 2**20)
    assert survey(tmp_path / "t.csv", ",", 2).unclosed == 2


@pytest.mark.parametrize("chunk", [8, 2**20])
def test_without_blank_lines_keeps_what_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(module, "_CHUNK", chunk)
    (tmp_path / "t.csv").write_bytes(b'\na,b\n \n"1\n\n2",3\r\n\r\n4,5\n\n')
    copy = without_blank_lines(tmp_path / "t.csv", ",", tmp_path / "copy")
    assert copy.read_bytes() == b'a,b\n"1\n\n2",3\r\n4,5\n'
