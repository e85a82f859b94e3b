import bz2
import gzip
import json
import lzma
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from components.contract import ROWS
from components.errors import DataError
from components.findings import Finding, read_findings
from components.ingest.sources import ingest_table, scan
from components.origins import ORIGINS
from components.spec import Spec, parse

GOOD = b"a,b,y\n1,2,n\n3,,p\n"


def zst(content: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(content, asbytes=True))


def left(folder: Path) -> list[str]:
    """What is in a folder's parent that a later stage could read, or that would fill a disk."""
    inside = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return inside + [path.name for path in folder.parent.iterdir() if "scratch" in path.name]


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
        ("t.csv.bz2", bz2.compress(GOOD)),
        ("t.CSV.XZ", lzma.compress(GOOD)),
        ("t.tsv.zst", zst(GOOD.replace(b",", b"\t"))),
        ("t.txt", GOOD),
        ("t#1 'é?[x].csv", GOOD),
        ("two members.csv.gz", gzip.compress(GOOD[:9], mtime=0) + gzip.compress(GOOD[9:], mtime=0)),
        ("utf-16.csv", GOOD.decode().encode("utf-16")),
        ("utf-32.csv", GOOD.decode().encode("utf-32")),
        ("mixed ends.csv", b"a,b,y\r\n1,2,n\n3,,p\r\n"),
        ("old mac.csv", GOOD.replace(b"\n", b"\r")),
        ("blank lines.csv", b"\na,b,y\n\n1,2,n\n \t\n3,,p\n\r\n\n"),
        ("t.jsonl.gz", gzip.compress(b'{"a":"1","b":"2","y":"n"}\n{"a":"3","y":"p"}\n', mtime=0)),
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
        ("blank.csv", b"\n\n \n", "it is empty; expected a header and rows"),
        ("e.csv.gz", gzip.compress(b"", mtime=0), "it is empty; expected a header and rows"),
        ("e.jsonl", b"", "it is empty"),
        ("both.csv", b"a,y\n1,n,SECRET\n1\n", "1 row has more fields than the header's 2, first "
         "line 2 with 3; quote the fields that hold ',', and 1 row has fewer fields"),
        ("span.csv", b'a,y,b\n"1\n2",n,1\n3,n\n', "1 row has fewer fields than the header's 3, "
         "first line 4"),
        ("cut.csv.bz2", bz2.compress(GOOD * 9999)[:-40], "it is no whole .bz2 file, cut off"),
        ("cut.csv.xz", lzma.compress(GOOD * 9999)[:-40], "it is no whole .xz file, cut off after "),
        ("cut.csv.zst", zst(GOOD * 9999)[:-4], "it is no whole .zst file, cut off after "),
        ("cut.parquet", b"PAR1", "it is no whole Parquet file"),
        ("long.csv", GOOD + b"1,2,n,SECRET\n", "1 row has more fields than the header's 3, first "
         "line 4 with 4; quote the fields that hold ','"),
        ("short.csv", b"a,y,b\n1,n\n2,p,\n3\n", "2 rows have fewer fields than the header's 3, "
         "first line 2; write an empty field"),
        ("latin.csv", GOOD + b"\xe9,1,n\n", "is not UTF-8, first in line 4, and what it is cannot "
         "be told: set csv.encoding"),
        ("latinh.csv", b"\xe9,y\n1,n\n", "is not UTF-8, first in line 1"),
        ("wide.csv", GOOD.decode().encode("utf-16-le"), "set csv.encoding, such as utf-16-le"),
        ("open.csv", GOOD + b'1,"SECRET,n\n', "its quotes do not match, one opens at line 4"),
        ("stray.csv", GOOD + b'1,SEC"RET,n\n', "quotes inside fields that are not quoted, first "
         "at line 4"),
        ("twice.csv", b"a,b,a,y\n1,2,3,n\n", "names a column twice: column 3 of 4 has the "
         "name of an earlier one; rename it, or add the header line if it is missing"),
        ("cut.csv.gz", gzip.compress(GOOD * 9999, mtime=0)[:-40], "no whole .gz file, cut off"),
        ("no.csv.gz", b"plain", "it is no .gz file, whatever its name says"),
        ("no.csv.bz2", b"plain", "it is no .bz2 file"),
        ("no.csv.xz", b"plain", "it is no .xz file"),
        ("no.csv.zst", b"plain", "it is no .zst file"),
        ("no.parquet", b"plain", "it is no whole Parquet file"),
        ("bad.jsonl", b'{"y":1}\n{"y":SECRET}\n', "line 2 is no JSON; expected one object a line"),
        ("list.jsonl", b"[1]\n", "line 1 is no JSON object; expected one object a line"),
        ("t.csv.zip", b"PK", "is of no known format: expected a name that ends in .csv, "
         ".tsv, .txt or .jsonl"),
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
    assert left(tmp_path / "out") == []


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
        str(tmp_path / "a.csv"),
        id="key",
        drop=["note"],
        columns={"emial": {"privacy": "drop"}, "notes": {}, "email": {}},
    )
    with pytest.raises(DataError) as error:
        ingest_table(spec, tmp_path / "out", run_id="run")
    assert "id 'key' is no column; drop 'note' is no column, did you mean 'notes'?" in str(
        error.value
    )
    assert "columns 'emial' is no column, did you mean 'email'?" in str(error.value)
    assert not (tmp_path / "out" / ROWS).exists()


HEADERLESS = "its first line looks like a row: is the header missing?"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"SECRET,4,n\nSECRET,2,p\n", f"The data has 3 columns, and {HEADERLESS}"),
        (b"SECRET-1,e-SECRET,n\n", f"The data has 3 columns, and {HEADERLESS}"),
        # Close to what the spec names, for which a hint would be given.
        (b"emailSECRET,4,n\n", "columns 'email' is no column. The data has 3 columns"),
        (b"SECRET,SECRET,n\n", "names a column twice: column 2 of 3 has the name of an earlier"),
        (b"a,*,n\n", "cannot be told from patterns or hold NUL: column 2 of 3; rename them"),
        (b"^SECRET$,4,n\n", "cannot be told from patterns or hold NUL: column 1 of 3"),
    ],
)
def test_ingest_file_without_a_header_is_refused_without_its_first_row(
    tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    spec = spec_of(str(tmp_path / "a.csv"), columns={"email": {"privacy": "drop"}})
    with pytest.raises(DataError) as error:
        ingest_table(spec, tmp_path / "out", run_id="run")
    assert said in str(error.value)
    assert "SECRET" not in str(error.value)
    assert "'*'" not in str(error.value)
    assert left(tmp_path / "out") == []


@pytest.mark.parametrize("headerless", ["a.csv", "b.csv"])
def test_ingest_one_of_several_files_without_a_header_is_named_without_its_first_row(
    tmp_path: Path, headerless: str
) -> None:
    for name in ("a.csv", "b.csv", "c.csv"):
        header = b"" if name == headerless else b"email,b,y\n"
        (tmp_path / name).write_bytes(header + b"SECRET1,4,n\nSECRET2,2,p\n")
    spec = spec_of(str(tmp_path / "*.csv"), columns={"email": {"privacy": "drop"}})
    with pytest.raises(DataError) as error:
        ingest_table(spec, tmp_path / "out", run_id="run")
    assert headerless in str(error.value)
    assert HEADERLESS in str(error.value)
    assert "SECRET" not in str(error.value)


def test_ingest_sources_are_kept_with_their_rows_and_no_more_of_their_names(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for place, rows in (("1/a.csv", 2), ("2/a.csv", 0), ("2/b.csv.gz", 3)):
        path = tmp_path / place
        path.parent.mkdir(exist_ok=True)
        content = b"a,y\n" + b'"1\n",n\n' * rows
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    pl.DataFrame({"a": ["1"], "y": ["n"]}).write_parquet(tmp_path / "c.parquet")
    sources = [str(tmp_path / "*" / "*.csv*"), str(tmp_path / "c.parquet")]
    ingest_table(spec_of(sources), tmp_path / "out", run_id="run")
    kept = json.loads((tmp_path / "out" / ORIGINS).read_text())["sources"]
    assert [tuple(source.values()) for source in kept] == [
        ("1/a.csv", 2),
        ("2/a.csv", 0),
        ("2/b.csv.gz", 3),
        (f"{tmp_path.name}/c.parquet", 1),
    ]
    assert [record.getMessage() for record in caplog.records] == [
        "source '2/a.csv' has a header and no rows"
    ]


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


@pytest.mark.parametrize(
    ("delimiter", "content"),
    [("~", b"a~y\n1~n\n"), (";", b"a;y,z\n1;2\n"), (None, b"a, b;y\n1;n\n2;p\n")],
)
def test_ingest_delimiter_given_or_that_all_rows_agree_on(
    tmp_path: Path, delimiter: str | None, content: bytes
) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    target = content.split(b"\n")[0].decode().split(delimiter or ";")[1]
    spec = spec_of(str(tmp_path / "t.csv"), target=target, csv={"delimiter": delimiter})
    assert len(ingested(tmp_path / "out", spec)[0]) == 2


def test_ingest_wrong_delimiter_is_refused_with_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(GOOD)
    spec = spec_of(str(tmp_path / "t.csv"), csv={"delimiter": ";"})
    with pytest.raises(DataError, match=r"has no ';' in its header.*set csv.delimiter to ','"):
        ingest_table(spec, tmp_path / "out", run_id="run")


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ([1], [1.5], pl.Float64),
        (pl.Series([1], dtype=pl.Int8), pl.Series([300], dtype=pl.Int32), pl.Int32),
        ([None], [1], pl.Int64),
        ([1], ["x"], pl.String),
        ([True], ["x"], pl.String),
        (pl.Series(["u"], dtype=pl.Categorical), ["x"], pl.String),
        (pl.Series(["2020-01-01"]).str.to_date(), pl.Series(["2020-01-01 10:00"]).str.to_datetime(),
         pl.Datetime("us")),
        (pl.Series([2**63], dtype=pl.UInt64), [1], pl.String),
    ],
)  # fmt: skip
def test_ingest_schemas_that_fit_are_reconciled(
    tmp_path: Path, one: Any, other: Any, together: pl.DataType
) -> None:
    for name, values in (("a", one), ("b", other)):
        rows = (
            pl.DataFrame({"v": values, "y": ["n"]})
            if name == "a"
            else pl.DataFrame({"y": ["p"], "v": values})
        )
        rows.write_parquet(tmp_path / f"{name}.parquet")
    ingest_table(spec_of(str(tmp_path / "*.parquet")), tmp_path / "out", run_id="run")
    written = pl.read_parquet(tmp_path / "out" / ROWS)
    assert written.schema == {"v": together, "y": pl.String}
    assert written["y"].to_list() == ["n", "p"]


def test_ingest_number_beside_text_becomes_canonical_text(tmp_path: Path) -> None:
    pl.DataFrame({"v": [1.0, 2.5, None], "y": ["n"] * 3}).write_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_bytes(b"v,y\n1,p\n")
    sources = [str(tmp_path / name) for name in ("a.parquet", "b.csv")]
    rows = ingested(tmp_path / "out", spec_of(sources))
    assert [row[0] for row in rows] == ["1", "2.5", None, "1"]


def test_ingest_schemas_that_do_not_fit_are_refused_with_every_difference(tmp_path: Path) -> None:
    frames = {
        "a": {"p": [1], "q": [True], "y": ["n"]},
        "b": {"p": [[1]], "q": [1], "y": ["n"]},
        "c": {"p": [1], "z": [1], "y": ["n"]},
    }
    for name, frame in frames.items():
        pl.DataFrame(frame).write_parquet(tmp_path / f"{name}.parquet")
    with pytest.raises(DataError) as error:
        ingest_table(spec_of(str(tmp_path / "*.parquet")), tmp_path / "out", run_id="run")
    said = str(error.value)
    assert "b.parquet' holds 'p' as List(Int64) and not as Int64 and holds 'q' as Int64" in said
    assert "c.parquet' lacks 'q' and adds 'z'" in said
    assert left(tmp_path / "out") == []


def test_ingest_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    text = "".join(f"{i},{i * 7919 % 1000},{'np'[i % 2]}\n" for i in range(300_000))
    (tmp_path / "t.csv").write_text("i,v,y\n" + text)
    written = set()
    for _ in range(3):
        ingest_table(spec_of(str(tmp_path / "t.csv")), tmp_path / "out", run_id="run")
        written.add((tmp_path / "out" / ROWS).read_bytes())
    assert len(written) == 1


def test_ingest_many_columns_with_spaces_and_emoji_are_read(tmp_path: Path) -> None:
    names = [f"column {i} 🦆" for i in range(10_000)]
    lines = [
        ",".join([*names, "y"]),
        *(",".join([str(i)] * 10_000 + ["np"[i % 2]]) for i in (1, 2)),
    ]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n\n")
    lineage = ingest_table(spec_of(str(tmp_path / "t.csv")), tmp_path / "out", run_id="run")
    assert (lineage.rows, lineage.columns) == (2, 10_001)


def test_ingest_infinities_pass_through(tmp_path: Path) -> None:
    rows = {"v": [float("inf"), float("-inf"), 1.0], "y": ["n", "p", "n"]}
    pl.DataFrame(rows).write_parquet(tmp_path / "t.parquet")
    found = ingested(tmp_path / "out", spec_of(str(tmp_path / "t.parquet")))
    assert [row[0] for row in found] == rows["v"]


def test_ingest_failure_removes_what_an_earlier_run_left(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(GOOD)
    ingest_table(spec_of(str(tmp_path / "t.csv")), tmp_path / "out", run_id="run")
    (tmp_path / "t.csv").write_bytes(b"")
    with pytest.raises(DataError):
        ingest_table(spec_of(str(tmp_path / "t.csv")), tmp_path / "out", run_id="run")
    assert left(tmp_path / "out") == []


INGEST = """
import sys
from pathlib import Path
from components.ingest.sources import ingest_table
from components.spec import parse
ingest_table(parse(sys.argv[1]), Path(sys.argv[2]), run_id="run")
"""


def test_ingest_killed_in_the_middle_leaves_no_table(tmp_path: Path) -> None:
    line = ",".join(["0.123456789"] * 20)
    block = f"{line},n\n" * 50_000
    with gzip.open(tmp_path / "t.csv.gz", "wt", compresslevel=1) as out:
        out.write(",".join(f"c{i}" for i in range(20)) + ",y\n")
        for _ in range(20):
            out.write(block)
    spec = spec_of(str(tmp_path / "t.csv.gz")).to_json()
    command = [sys.executable, "-c", INGEST, spec, str(tmp_path / "out")]
    process = subprocess.Popen(command)
    scratch = tmp_path / ".out.scratch"
    until = time.monotonic() + 60
    while not scratch.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "out" / ROWS).exists()
    (tmp_path / "t.csv").write_bytes(GOOD)
    ingest_table(spec_of(str(tmp_path / "t.csv")), tmp_path / "out", run_id="run")
    assert sorted(left(tmp_path / "out")) == ["findings.json", ROWS, "sources.json"]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_ingest_disk_that_fills_is_named_and_left_as_it_was(
    tmp_path: Path, tiny_disk: Path, suffix: str
) -> None:
    text = "a,y\n" + "".join(f"{os.urandom(40).hex()},n\n" for _ in range(150_000))
    (tmp_path / "t.csv").write_text(text)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.encode(), 1))
    with pytest.raises(DataError, match=r"disk.*make room there"):
        ingest_table(spec_of(str(tmp_path / f"t{suffix}")), tiny_disk / "out", run_id="run")
    assert left(tiny_disk / "out") == []


def test_ingest_file_without_permission_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(GOOD)
    (tmp_path / "t.csv").chmod(0)
    if os.access(tmp_path / "t.csv", os.R_OK):
        pytest.skip("this user may read every file, as root may")
    with pytest.raises(DataError, match="cannot be opened: Permission denied"):
        ingest_table(spec_of(str(tmp_path / "t.csv")), tmp_path / "out", run_id="run")


@pytest.mark.parametrize("way", ["refuse", "warn", "off"])
def test_ingest_undeclared_mail_is_refused_written_or_let_be(tmp_path: Path, way: str) -> None:
    (tmp_path / "t.csv").write_bytes(b"contact,y\nada@mail.org,n\nnone,p\n")
    spec = spec_of(str(tmp_path / "t.csv"), privacy={"scan": way})
    if way == "refuse":
        with pytest.raises(DataError) as error:
            ingest_table(spec, tmp_path / "out", run_id="run")
        assert "column 'contact' looks like mail addresses (1 in 2 rows" in str(error.value)
        assert "declare `privacy: drop`" in str(error.value)
        assert "ada" not in str(error.value)
        assert left(tmp_path / "out") == []
        return
    ingest_table(spec, tmp_path / "out", run_id="run")
    found = read_findings(tmp_path / "out")
    expected = Finding(column="contact", kind="mail", count=1, looked_at=2, places=(0,))
    assert found == ((expected,) if way == "warn" else ())
