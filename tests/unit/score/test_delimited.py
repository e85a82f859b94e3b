import subprocess
import sys
import traceback
from pathlib import Path

import polars as pl
import pytest

from components.errors import DataError
from components.score.table import open_table
from tests.bundles import build

SCORE = """\
import sys
from pathlib import Path
from components.errors import DataError
from components.score.batch import score
try:
    score(*map(Path, sys.argv[1:]))
except DataError as exc:
    print(exc)
"""


def read(path: Path, encoding: str | None = None) -> pl.DataFrame:
    table = open_table(path, ["a", "b"], delimiter=None, encoding=encoding)
    return pl.concat([batch.rows for batch in table.read(["a", "b"])])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b\n1,2\nSECRET\n", "row 1, counting from 0, has 1 fields and the header 2"),
        (b"a,b\nSECRET\xff\n", "row 0, counting from 0, has 1 fields and the header 2"),
        (b"a,b\nSECRET\xff,2\n", "it is not UTF-8; save it as UTF-8"),
        (b'a,b\n1,"SECRET\n', "its quotes do not match; mend them"),
    ],
)
def test_read_text_of_damaged_rows_shows_none_in_a_whole_traceback(
    tmp_path: Path, content: bytes, said: str
) -> None:
    """A task logs its traceback, causes included."""
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        read(path)
    # Not the local variables, which pytest's own would show.
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


def test_score_of_damaged_rows_ends_its_process_as_any_other(tmp_path: Path) -> None:
    """One in five was aborted at its end, where Arrow's threads held a file object of Python's."""
    folder = build(tmp_path / "bundle", "binary").folder
    source = tmp_path / "rows.csv"
    source.write_text("age,income,city,plan\n1,2,Bern,basic\n3,4\n")
    command = [sys.executable, "-c", SCORE, str(folder), str(source), str(tmp_path / "a.csv")]
    for _ in range(10):
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert "row 1, counting from 0, has 2 fields and the header 4" in done.stdout


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le", "utf-32", "shift_jis"])
def test_read_text_of_another_encoding_reads_it_and_finds_what_is_damaged(
    tmp_path: Path, encoding: str
) -> None:
    word = "ラーメン" if encoding != "cp1252" else "Zürich"
    path = tmp_path / "rows.csv"
    path.write_bytes(f'a,b\r\n"{word}\r\n""x""",2\r\n'.encode(encoding))
    assert read(path, encoding).rows() == [(f'{word}\r\n"x"', "2")]
    path.write_bytes(f'a,b\n1,2\n3,"{word}\n'.encode(encoding))
    with pytest.raises(DataError, match="its quotes do not match"):
        read(path, encoding)
    path.write_bytes(f"a,b\n1,2\n{word}\n".encode(encoding))
    with pytest.raises(DataError, match="row 1, counting from 0, has 1 fields") as caught:
        read(path, encoding)
    assert word not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("content", "encoding"), [(b"a,b\n1,\x81\n", "cp1252"), (b"a\0,\0b\0\n\0x", "utf-16-le")]
)
def test_read_text_of_bytes_that_are_not_in_the_stated_encoding_is_refused(
    tmp_path: Path, content: bytes, encoding: str
) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match="it is not in the encoding that csv.encoding of the spec"):
        read(path, encoding)


@pytest.mark.parametrize("encoding", ["UTF8", "utf_8", "U8", "utf-8-sig", "ascii"])
def test_read_text_of_names_of_utf_8_reads_it(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8" if encoding == "ascii" else "utf-8-sig")
    assert read(path, encoding).rows() == [("1", "2")]


def test_read_text_of_a_file_whose_name_is_no_text_is_read(tmp_path: Path) -> None:
    path = tmp_path / "r\udcffows.csv"
    path.write_text("a,b\n1,2\n")
    assert read(path).rows() == [("1", "2")]


def test_read_text_of_quotes_in_many_blocks_are_counted_to_the_end(tmp_path: Path) -> None:
    path, row = tmp_path / "rows.csv", '"' + "x" * 1000 + '",2\n'
    path.write_text("a,b\n" + row * 5000)
    assert len(read(path)) == 5000
    path.write_text("a,b\n" + row * 5000 + '1,"2\n')
    with pytest.raises(DataError, match="its quotes do not match"):
        read(path)
