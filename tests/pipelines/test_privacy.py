"""After whole runs, no declared private value is anywhere that Kubeloop writes to.

One table with private values of many shapes goes through a run that serves, requests that carry
private values and are answered or refused, a run that fails, and a report on it. Then everything
below the state folder is opened, unpacked and searched, with all that was printed.
"""

import io
import json
import random
import signal
import sqlite3
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import polars as pl
import pytest

from tests.pipelines.laptop import Laptop, make_rows, process_says

SPEC = """\
name: visits
task: binary
source: rows.csv
target: returned
positive: "yes"
id: visit
columns:
  visit: {privacy: hash}
  email: {privacy: hash}
  phone: {privacy: mask}
  name: {privacy: drop}
  card: {privacy: mask}
candidates: [logistic]
search: {trials: 1}
serve: {latency_ms: 5000}
"""
PRIVATE = ("visit", "email", "phone", "name", "card")
_LETTERS = "abcdefghijklmnopqrstuvwxyzåéñøüßčşžабвгдежзиклмнопрстуφχψω漢字仮名"


def private_rows(count: int = 400) -> pl.DataFrame:
    """Rows whose private values differ from one another and from every other text around."""
    generator = random.Random(5)

    def word(length: int) -> str:
        return "".join(generator.choice(_LETTERS) for _ in range(length))

    columns = {
        "visit": [f"V-{generator.randrange(10**11, 10**12)}" for _ in range(count)],
        "email": [f"{word(9)}.{word(7)}@{word(8)}.example" for _ in range(count)],
        "phone": [f"+{generator.randrange(10**11, 10**12)}" for _ in range(count)],
        "name": [f'{word(6).title()} "{word(4)}" O\'{word(7).title()}' for _ in range(count)],
        # Numbers to a reader, which a mask must not let through as such.
        "card": [generator.randrange(10**15, 10**16) for _ in range(count)],
    }
    return (
        make_rows(count)
        .drop("email", "visit")
        .with_columns(pl.Series(name, values) for name, values in columns.items())
    )


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> tuple[pl.DataFrame, Laptop, str]:
    """What two runs and some requests left: the rows, the folder, and all that was printed."""
    laptop = Laptop(tmp_path_factory.mktemp("private"))
    rows = private_rows()
    rows.write_csv(laptop.folder / "rows.csv")
    (laptop.folder / "spec.yaml").write_text(SPEC, encoding="utf-8")
    process = laptop.start("run", "spec.yaml", "--keep")
    printed = process_says(process, "Ctrl-C stops both")
    printed += requests(laptop, rows)
    process.send_signal(signal.SIGINT)
    printed += "".join(process.communicate(timeout=60))
    assert process.returncode == 0

    # A run that fails over its data talks about rows: about where they are, not what they hold.
    strange = pl.when(pl.int_range(pl.len()) == 7).then(pl.lit("?!")).otherwise(pl.col("pages"))
    broken = rows.with_columns(strange.alias("pages"))
    broken.write_csv(laptop.folder / "rows.csv")
    failed = laptop.run("run", "spec.yaml", "--set", "columns.pages.type=number")
    assert failed.returncode == 1
    assert "in 1 row (rows.csv, row 7, counting from 0)" in failed.stdout + failed.stderr
    printed += failed.stdout + failed.stderr
    for command in ("check", "contract"):
        done = laptop.run(command, "spec.yaml")
        printed += done.stdout + done.stderr
        # Their key is their own, and nobody else may read it.
        assert "privacy key file" not in done.stdout + done.stderr
    printed += without_header(laptop, rows)
    return rows, laptop, printed


def without_header(laptop: Laptop, rows: pl.DataFrame) -> str:
    """Reads tables whose first line is a row, alone and after a whole one; returns what is said."""
    rows.write_csv(laptop.folder / "rows.csv", include_header=False)
    (laptop.folder / "many").mkdir()
    rows.write_csv(laptop.folder / "many" / "a.csv")
    rows.write_csv(laptop.folder / "many" / "b.csv", include_header=False)
    printed = ""
    for arguments in (
        ("check", "spec.yaml"),
        ("check", "spec.yaml", "--set", "source=many/*.csv"),
        ("init", "rows.csv", "--target", "returned"),
        ("run", "spec.yaml"),
    ):
        done = laptop.run(*arguments)
        assert done.returncode != 0
        assert "header" in done.stdout + done.stderr, done.stdout + done.stderr
        printed += done.stdout + done.stderr
    return printed


def requests(laptop: Laptop, rows: pl.DataFrame) -> str:
    """Sends rows with their private columns, right and wrong ones; returns the answers."""
    url = laptop.result()["endpoint"]
    plain = [
        {**row, "spent": float(row["spent"]) if row["spent"].strip() else None}
        for row in rows.drop("returned").head(20).to_dicts()
    ]
    wrong = [{**row, "pages": row["email"]} for row in plain]
    strange = [{**row, "e-mail": row["email"]} for row in plain]
    answers = [
        ask(url, body, row["visit"])
        for body, row in zip((plain, wrong, strange), plain, strict=False)
    ]
    assert [status for status, _ in answers] == [200, 400, 400], answers[0][1]
    # A client's own id and what it wrongly sends as a number come back to that client alone.
    return answers[0][1]


def ask(url: str, rows: list[dict[str, object]], identity: object) -> tuple[int, str]:
    body = json.dumps({"instances": rows}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, body, headers)  # noqa: S310
    assert identity
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as exc:
        return exc.code, exc.read().decode()


def test_no_private_value_is_left_anywhere(traces: tuple[pl.DataFrame, Laptop, str]) -> None:
    rows, laptop, printed = traces
    texts = {"the screen": printed} | {
        str(path.relative_to(laptop.state)): readable(path)
        for path in laptop.state.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    assert len(texts) > 20
    found = {
        (place, name)
        for name in PRIVATE
        for value in rows[name].cast(pl.String)
        for place, text in texts.items()
        if value in text or json.dumps(value)[1:-1] in text
    }
    assert found == set()


def test_search_of_the_traces_finds_what_is_not_private(
    traces: tuple[pl.DataFrame, Laptop, str],
) -> None:
    # A search that could not find anything would prove nothing.
    _, laptop, _ = traces
    wanted = {
        "rows.parquet": "basic",
        "report": "plan",
        "monitor.db": "basic",
        "bundle.json": "plan",
    }
    files = [path for path in laptop.state.rglob("*") if path.is_file()]
    for name, value in wanted.items():
        assert any(path.name == name and value in readable(path) for path in files), name


def readable(path: Path) -> str:
    """Everything that a file holds, as text."""
    content = path.read_bytes()
    texts = [content.decode("utf-8", "ignore"), content.decode("utf-16-le", "ignore")]
    if content.startswith(b"PAR1"):
        texts.append(str(pl.read_parquet(io.BytesIO(content)).to_dicts()))
    if content.startswith(b"SQLite format 3"):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as store:
            texts.append("\n".join(store.iterdump()))
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            texts += [archive.read(name).decode("utf-8", "ignore") for name in archive.namelist()]
    return "\n".join(texts)
