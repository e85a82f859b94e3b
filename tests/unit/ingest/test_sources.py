import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from components.contract import ROWS
from components.errors import DataError
from components.ingest.sources import ingest_table, scan
from components.spec import Spec, parse

GOOD = b"a,b,y\n1,2,n\n3,,p\n"


def spec_of(source: object, **keys: Any) -> Spec:
    document = {"name": "m", "task": "binary", "source": source, "target": "y", **keys}
    return parse(json.dumps(document))


def ingested(folder: Path, spec: Spec) -> list[tuple[Any, ...]]:
    ingest_table(spec, folder, run_id="run")
    return pl.read_parquet(folder / ROWS).rows()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", GOOD),
        ("T.CSV", GOOD),
        ("semicolon.csv", b'"a";"b";"y"\n1;2;n\n3;;p\n'),
        ("comma in a name.csv", b'"a";b;y\n1;2;n\n3;;p\n'),
        ("tab.csv", GOOD.replace(b",", b"\t")),
        ("bar.csv", GOOD.replace(b",", b"|")),
        ("bom crlf.csv", b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n")),
        ("no last line end.csv", GOOD[:-1]),
        ("t.csv.gz", gzip.compress(GOOD.replace(b",", b";"), mtime=0)),
        ("t#1 'é?[x].csv", GOOD),
        ("t[1].jsonl", b'{"a":"1","b":"2","y":"n"}\n{"a":"3","b":null,"y":"p"}\n'),
    ],
)
def test_ingest_readable_file_gives_its_rows(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert ingested(tmp_path / "out", spec_of(str(tmp_path / name))) == [
        ("1", "2", "n"),
        ("3", None, "p"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("e.csv", b"", "it is empty; expected a header and rows"),
        ("h.csv", b"a,y\n", "has a header and no rows: expected some"),
        ("long.csv", GOOD + b"1,2,n,SECRET\n", "1 row has more fields than the header's 3, first "
         "line 4 with 4; quote the fields that hold ','"),
        ("short.csv", b"a,y,b\n1,n\n2,p,\n3\n", "2 rows have fewer fields than the header's 3, "
         "first line 2; write an empty field"),
        ("latin.csv", GOOD + b"\xe9,1,n\n", "line 4 is not UTF-8; save the file as UTF-8"),
        ("latinh.csv", b"\xe9,y\n1,n\n", "is not UTF-8 in line 1: save it as UTF-8"),
        ("wide.csv", GOOD.decode().encode("utf-16"), "is UTF-16: save it as UTF-8"),
        ("open.csv", GOOD + b'1,"SECRET,n\n', "its quotes do not match, noticed at line 4"),
        ("stray.csv", GOOD + b'1,SEC"RET,n\n', "quotes inside fields that are not quoted, first "
         "at line 4"),
        ("twice.csv", b"a,b,a,y\n1,2,3,n\n", "names a column twice: 'a'; rename one of each"),
        ("cut.csv.gz", gzip.compress(GOOD * 9999, mtime=0)[:-40], "it is no whole file"),
        ("no.csv.gz", b"plain", "it is no whole file"),
        ("no.parquet", b"plain", "it is no whole Parquet file"),
        ("bad.jsonl", b'{"y":1}\n{"y":SECRET}\n', "line 2 is no JSON; expected one object a line"),
        ("list.jsonl", b"[1]\n", "line 1 is no JSON object; expected one object a line"),
        ("t.csv.zip", b"PK", "is of no known format: expected .csv, .csv.gz, .parquet or .jsonl"),
    ],
)  # fmt: skip
def test_ingest_unreadable_file_is_named_with_its_line_and_without_its_values(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        ingest_table(spec_of(str(path)), tmp_path / "out", run_id="run")
    assert said in str(error.value)
    assert str(path) in str(error.value)
    assert "SEC" not in str(error.value)
    assert not (tmp_path / "out" / ROWS).exists()


def test_ingest_blank_lines_are_no_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"a,b,y\n1,2,n\n\n3,4,p\n\n\n")
    rows = ingested(tmp_path / "out", spec_of(str(tmp_path / "t.csv")))
    assert rows == [("1", "2", "n"), ("3", "4", "p")]


def test_ingest_quoted_line_ends_are_kept(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b'a,y\n"1\n2",n\n3,\n')
    rows = ingested(tmp_path / "out", spec_of(str(tmp_path / "t.csv")))
    assert rows == [("1\n2", "n"), ("3", None)]


def test_ingest_second_file_is_blamed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(GOOD)
    (tmp_path / "b.csv").write_bytes(GOOD + b"1,2,n,4\n")
    with pytest.raises(DataError, match=r"b\.csv' cannot be read: 1 row has more fields"):
        ingest_table(spec_of(str(tmp_path / "*.csv")), tmp_path / "out", run_id="run")


def test_ingest_file_that_two_globs_match_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(GOOD)
    spec = spec_of([str(tmp_path / "*.csv"), str(tmp_path / "a.csv")])
    assert ingest_table(spec, tmp_path / "out", run_id="run").rows == 2


def test_ingest_different_columns_are_all_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(GOOD)
    (tmp_path / "b.csv").write_bytes(b"a,y,z\n1,n,2\n")
    (tmp_path / "c.csv").write_bytes(b"b,y,a\n1,n,2\n")
    with pytest.raises(DataError) as error:
        ingest_table(spec_of(str(tmp_path / "*.csv")), tmp_path / "out", run_id="run")
    assert "b.csv' lacks 'b' and adds 'z'" in str(error.value)
    assert "c.csv'" not in str(error.value)


def test_ingest_nested_against_text_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"a": [[1]], "y": ["n"]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"a": ["x"], "y": ["n"]}).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"holds 'a' as String and not as List\(Int64\)"):
        ingest_table(spec_of(str(tmp_path / "*.parquet")), tmp_path / "out", run_id="run")


def test_ingest_columns_that_the_spec_alone_knows_are_all_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"email,notes,y\n1,2,n\n")
    spec = spec_of(
        str(tmp_path / "a.csv"), id="key", drop=["note"], columns={"emial": {"privacy": "drop"}}
    )
    with pytest.raises(DataError) as error:
        ingest_table(spec, tmp_path / "out", run_id="run")
    assert "id 'key' is no column; drop 'note' is no column, did you mean 'notes'?" in str(
        error.value
    )
    assert "columns 'emial' is no column, did you mean 'email'?" in str(error.value)
    assert not (tmp_path / "out" / ROWS).exists()


@pytest.mark.parametrize("name", ["*", "^a.*$", "a\0part"])
def test_scan_name_that_reads_as_a_pattern_is_refused(tmp_path: Path, name: str) -> None:
    pl.DataFrame({name: [1], "ab": [2]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="cannot be told from patterns or hold NUL"):
        scan(str(tmp_path / "t.parquet"))


def test_scan_categories_are_text(tmp_path: Path) -> None:
    frame = pl.DataFrame({"c": pl.Series(["u", None], dtype=pl.Categorical)})
    frame.write_parquet(tmp_path / "t.parquet")
    assert scan(str(tmp_path / "t.parquet")).collect().schema == {"c": pl.String}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no.csv", "cannot be opened: No such file or directory; check the path"),
        ("no-*.csv", "matches no file: expected at least one; check the pattern"),
        (".", "is a directory: name its files, such as"),
    ],
)
def test_ingest_no_file_is_refused(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(DataError, match=said.replace(".", r"\.")):
        ingest_table(spec_of(str(tmp_path / name)), tmp_path / "out", run_id="run")


@pytest.mark.parametrize(
    ("name", "rows", "columns", "label"),
    [
        ("breast_cancer", 569, 31, "malignant"),
        ("wine", 178, 14, "class_0"),
        ("diabetes", 442, 11, 151.0),
        ("iris", 150, 5, "setosa"),
        ("digits", 1797, 65, "0"),
    ],
)
def test_scan_dataset_has_named_classes(name: str, rows: int, columns: int, label: object) -> None:
    table = scan(f"sklearn://{name}").collect()
    assert table.shape == (rows, columns)
    assert table["target"][0] == label
