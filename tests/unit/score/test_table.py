import bz2
import gzip
import io
import lzma
import os
import zipfile
from pathlib import Path

import polars as pl
import pytest

from components.errors import DataError
from components.score.table import open_table


def read(path: Path, *, delimiter: str | None = None, encoding: str | None = None) -> pl.DataFrame:
    table = open_table(path, ["a", "b"], delimiter=delimiter, encoding=encoding)
    return pl.concat([batch.rows for batch in table.read(["b", "a"])])


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_open_table_finds_the_delimiter_by_the_expected_names(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f'a{mark}b{mark}"x,y;z"\n1{mark}2{mark}3\n')
    assert read(path).rows() == [("2", "1")]


def test_open_table_of_csv_reads_text_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes('\ufeffa,b\r\n\r\n 01 ,"x\ny,""z"""\r\nNA,\r\n'.encode())
    assert read(path).rows() == [('x\ny,"z"', " 01 "), ("", "NA")]


def test_open_table_of_other_encoding_reads_what_the_spec_says(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes("a,b\nü,ß\n".encode("cp1252"))
    assert read(path, encoding="cp1252").rows() == [("ß", "ü")]
    with pytest.raises(DataError, match="it is not UTF-8; save it as UTF-8"):
        read(path)
    with pytest.raises(DataError, match="its encoding is not known"):
        read(path, encoding="utf9")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\nSECRET\n", "row 1, counting from 0, has 1 fields and the header 2"),
        ("a,b\nSECRET,2,3\n", "row 0, counting from 0, has 3 fields and the header 2"),
        ('a,b\n1,2\n3,"SECRET\n5,6\n', "its quotes do not match"),
        ("", "it is empty"),
        ("\n\r\n\n", "it is empty; expected columns and rows"),
        ("a,b", "it has columns and no rows"),
    ],
)
def test_open_table_of_damaged_csv_says_where_and_no_value(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        read(path)
    assert "SECRET" not in str(caught.value)


def test_open_table_of_quote_never_closed_in_a_long_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('a,b\n1,"2\n' + "1234567,890\n" * 1_500_000)
    with pytest.raises(DataError, match="do its quotes match"):
        read(path)


def test_open_table_of_damaged_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pl.DataFrame({"a": range(1000), "b": range(1000)}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="it is no whole Parquet file"):
        read(path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone.csv", "it is not there"),
        ("rows.xlsx", "of no known format"),
        (".", "no known format"),
        ("folder.csv", "it is a folder; name one file of it"),
        ("pipe.csv", "it is a pipe or a device; write it to a file first"),
        ("endless.csv", "it is a pipe or a device"),
    ],
)
def test_open_table_of_what_is_no_table_is_refused(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "endless.csv").symlink_to("/dev/zero")
    with pytest.raises(DataError, match=said):
        read(tmp_path / name)


def as_parquet() -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame({"a": [1], "b": [2]}).write_parquet(buffer)
    return buffer.getvalue()


def as_arrow() -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame({"a": [1], "b": [2]}).write_ipc(buffer)
    return buffer.getvalue()


def as_archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("rows.csv", "a,b")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (as_parquet(), "it is a Parquet file; give it a name that ends in .parquet"),
        (as_arrow(), "it is an Arrow file; write it as Parquet"),
        (as_archive(), "it is an archive or a workbook; unpack it, or save it as CSV"),
        (gzip.compress(b"a,b", mtime=0), "it is compressed; unpack it first"),
        (bz2.compress(b"a,b"), "it is compressed; unpack it first"),
        (lzma.compress(b"a,b"), "it is compressed; unpack it first"),
        ("a,b\n1,2\n".encode("utf-16"), "it is UTF-16; save it as UTF-8"),
    ],
)
def test_open_table_of_another_format_behind_the_name_says_which(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        read(path)


@pytest.mark.parametrize("name", ["PAR1", "PK", "ARROW1", "BZh9"])
def test_open_table_of_column_named_like_a_format_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"{name},a,b\n0,1,2\n")
    assert read(path).rows() == [("2", "1")]


def test_open_table_of_utf_16_that_the_spec_declares_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes("a,b\nü,ß\n".encode("utf-16"))
    assert read(path, encoding="utf-16").rows() == [("ß", "ü")]


def test_open_table_of_categories_reads_their_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pl.DataFrame({"a": ["x", "y"], "b": [1, 2]}).cast({"a": pl.Categorical}).write_parquet(path)
    assert read(path).rows() == [(1, "x"), (2, "y")]
