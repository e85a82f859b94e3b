"""From a file to three parts of typed rows: our stages beside plain Polars and plain pandas.

Writes tables of 20 columns (an id, twelve numbers some of which are missing, four categories, a
truth value, a date, a target) as Parquet and as CSV, then runs each way in a process of its own and
prints its seconds, with and without the imports, and its peak resident memory.

The plain ones do the same work and leave the same files: a copy of the source as it was read, with
a fingerprint that row order does not change; the typed rows, with what could not be read counted;
counts of missing and different values, extremes, means, deviations, what breaks ranges and
categories; repeated ids and rows; of a sample histograms, quantiles and correlations; and three
parts by a hash of the id, with the rows that they share. What a script would leave out is printed
below as `no copy`: without the copy and its fingerprint, on which lineage and caching rest, and
without shared rows. Ours does more in the same time: it finds out types, checks each CSV row's
fields, scans for personal data, measures leakage and association, and draws a report. It does so in
three processes as on a cluster, each with imports of its own; their seconds are added, and the
largest of their peaks counts.

`python tests/benchmarks/bench_data.py [MILLIONS …]`, `make bench-data`; needs 7 GiB of disk for 10
million rows.
"""

import importlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
STAGES = ("ingest", "validate", "prepare")
NUMBERS = [f"n{i}" for i in range(12)]
CATEGORIES = [f"c{i}" for i in range(4)]
BLOCK = 250_000
# pandas holds the whole table several times over; beyond this it may take the machine down.
MOST_PANDAS_ROWS = 10_000_000


@dataclass(frozen=True)
class Found:
    """What one way took: the process's seconds, those of its work, and its peak MiB."""

    seconds: float
    work: float
    peak: float


def main(millions: list[int]) -> None:
    """Prints the table."""
    print(f"{'rows':>11} {'from':<8}{'way':<14}{'process s':>10}{'work s':>9}", end="")
    print(f"{'x Polars':>10}{'peak MiB':>10}", flush=True)
    peaks: dict[tuple[str, int], float] = {}
    with tempfile.TemporaryDirectory(prefix="kubeloop-bench-") as scratch:
        for count in millions:
            rows = count * 1_000_000
            measured("write", Path(scratch), str(rows))
            for kind in ("parquet", "csv"):
                source = Path(scratch, f"rows.{kind}")
                plain = measured("polars", Path(scratch), str(source))
                ours = [measured(stage, Path(scratch), str(source)) for stage in STAGES]
                whole = Found(
                    sum(part.seconds for part in ours),
                    sum(part.work for part in ours),
                    max(part.peak for part in ours),
                )
                peaks[kind, count] = whole.peak
                less = measured("no copy", Path(scratch), str(source))
                line(rows, kind, "plain Polars", plain, plain)
                line(rows, kind, "  no copy", less, plain)
                line(rows, kind, "Kubeloop", whole, plain)
                for stage, part in zip(STAGES, ours, strict=True):
                    line(rows, kind, f"  {stage}", part, plain)
                if rows <= MOST_PANDAS_ROWS:
                    table = measured("pandas", Path(scratch), str(source))
                    line(rows, kind, "plain pandas", table, plain)
    if 1 in millions and 10 in millions:
        for kind in ("parquet", "csv"):
            growth = peaks[kind, 10] / peaks[kind, 1]
            print(f"peak of 10 million rows over that of 1 million, from {kind}: {growth:.2f}")
    print("to reach: within 1.5 of plain Polars; at 10 million rows under 1,536 MiB, growth 1.3")


def line(rows: int, kind: str, way: str, found: Found, plain: Found) -> None:
    """Prints one row of the table; the ratio is that of the work, imports left aside."""
    times = f"{found.seconds:>10.1f}{found.work:>9.1f}{found.work / plain.work:>10.2f}"
    print(f"{rows:>11,} {kind:<8}{way:<14}{times}{found.peak:>10,.0f}", flush=True)


def measured(way: str, scratch: Path, argument: str) -> Found:
    """Runs one way in a process."""
    began = time.perf_counter()
    command = [sys.executable, __file__, "--way", way, str(scratch), argument]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{way} failed:\n{done.stderr}")
    said = json.loads(done.stdout.splitlines()[-1])
    return Found(seconds, said["work"], said["peak"])


def write(scratch: Path, rows: int) -> None:
    """Writes the tables block by block, so that the writer's memory does not matter."""
    import numpy as np
    import polars as pl
    import pyarrow.parquet as pq

    writer = None
    with (scratch / "rows.csv").open("wb") as text:
        for begin in range(0, rows, BLOCK):
            rng = np.random.default_rng(begin)
            size = min(BLOCK, rows - begin)
            numbers = {name: rng.normal(50, 12, size).round(3) for name in NUMBERS}
            signal = sum(numbers[name] for name in NUMBERS[:4]) / 4 + rng.normal(0, 6, size)
            frame = pl.DataFrame(
                {
                    "id": np.arange(begin, begin + size),
                    **numbers,
                    **{
                        name: rng.choice(["red", "green", "blue", "grey", "pink"], size)
                        for name in CATEGORIES
                    },
                    "member": rng.choice(["yes", "no"], size),
                    "seen": (rng.integers(1_500_000_000, 1_700_000_000, size) * 1_000_000),
                    "bought": np.where(signal > 50, "yes", "no"),
                }
            ).with_columns(pl.col("seen").cast(pl.Datetime("us")))
            gaps = [
                pl.when(pl.Series(rng.random(size) > 0.05)).then(pl.col(name)).alias(name)
                for name in NUMBERS[:6]
            ]
            frame = frame.with_columns(gaps)
            frame.write_csv(text, include_header=begin == 0, datetime_format="%Y-%m-%d %H:%M:%S")
            table = frame.to_arrow()
            writer = writer or pq.ParquetWriter(scratch / "rows.parquet", table.schema)
            writer.write_table(table)
    if writer is not None:
        writer.close()


def spec_of(source: str) -> object:
    """Returns the spec that ours runs."""
    from components.spec import parse

    document = {
        "name": "bench",
        "task": "binary",
        "source": [source],
        "target": "bought",
        "positive": "yes",
        "id": "id",
        "columns": {
            **{name: {"min": -100, "max": 200} for name in NUMBERS},
            **{name: {"values": ["red", "green", "blue", "grey", "pink"]} for name in CATEGORIES},
        },
    }
    return parse(json.dumps(document))


def ingest(scratch: Path, source: str) -> None:
    """Runs our first stage."""
    from components.ingest.sources import ingest_table

    lineage = ingest_table(spec_of(source), scratch / "table", run_id="bench")
    (scratch / "lineage.json").write_text(lineage.model_dump_json())


def validate(scratch: Path, source: str) -> None:
    """Runs our second stage."""
    from components.contract import Lineage
    from components.validate.validation import validate_table

    lineage = Lineage.model_validate_json((scratch / "lineage.json").read_text())
    checked = validate_table(
        spec_of(source), lineage, scratch / "table", scratch / "typed", previous=None
    )
    checked.raise_refused()


def prepare(scratch: Path, source: str) -> None:
    """Runs our third stage."""
    from components.prepare.preparation import prepare_examples

    folders = tuple(scratch / part for part in ("train", "validation", "test"))
    prepare_examples(spec_of(source), scratch / "typed", folders)


def polars(scratch: Path, source: str, *, copy: bool = True) -> None:
    """Does the same work in plain Polars, lazily and streaming."""
    import polars as pl

    csv = source.endswith(".csv")
    rows = pl.scan_csv(source, infer_schema=False) if csv else pl.scan_parquet(source)
    if copy:
        rows.sink_parquet(scratch / "plain-copy.parquet")
        rows = pl.scan_parquet(scratch / "plain-copy.parquet")
        hashes = pl.sum_horizontal(pl.all().hash(1)).hash(2) // 2**32
        print(rows.select(hashes.sum()).collect(engine="streaming").item())
    texts = pl.selectors.string().str.strip_chars()
    typed = [pl.col(NUMBERS).cast(pl.Float64, strict=False)]
    if csv:
        typed.append(pl.col("seen").str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False))
    given = rows.select(pl.col(*NUMBERS, "seen").count()).collect(engine="streaming")
    rows.with_columns(texts).with_columns(typed).sink_parquet(scratch / "plain.parquet")
    rows = pl.scan_parquet(scratch / "plain.parquet")
    counts = rows.select(
        pl.len(),
        pl.all().null_count().name.suffix(":null"),
        pl.all().approx_n_unique().name.suffix(":distinct"),
        pl.col(NUMBERS).min().name.suffix(":min"),
        pl.col(NUMBERS).max().name.suffix(":max"),
        pl.col(NUMBERS).mean().name.suffix(":mean"),
        pl.col(NUMBERS).std().name.suffix(":std"),
        (~pl.col(NUMBERS).is_between(-100, 200)).sum().name.suffix(":range"),
        (~pl.col(CATEGORIES).is_in(["red", "green", "blue", "grey", "pink"]))
        .sum()
        .name.suffix(":values"),
    ).collect(engine="streaming")
    unread = [given[name].item() - counts["len"].item() for name in given.columns]
    features = pl.struct(pl.exclude("id"))
    repeated = rows.select(features.hash().n_unique()).collect(engine="streaming").item()
    ids = rows.select(pl.col("id").n_unique()).collect(engine="streaming").item()
    tops = [rows.group_by(name).len().collect(engine="streaming") for name in CATEGORIES]
    every = max(1, counts["len"].item() // 100_000)
    sample = rows.gather_every(every).collect(engine="streaming")
    drawn = [sample[name].drop_nulls().hist(bin_count=30) for name in NUMBERS]
    drawn += [sample.select(pl.col(NUMBERS).quantile(q / 10)) for q in range(1, 10)]
    drawn.append(sample.select(NUMBERS).drop_nulls().corr())
    share = pl.col("id").hash(7) % 1000
    parts = {"train": (400, 1000), "validation": (200, 400), "test": (0, 200)}
    for part, (low, high) in parts.items():
        kept = rows.filter((share >= low) & (share < high))
        kept.sink_parquet(scratch / f"plain-{part}.parquet")
    if copy:
        in_part = pl.when(share < 200).then(2).when(share < 400).then(1).otherwise(0)
        marked = rows.select(row=features.hash(), part=in_part)
        several = marked.group_by("row").agg(pl.col("part").min() != pl.col("part").max())
        print(several.select(pl.col("part").sum()).collect(engine="streaming").item())
    print(repeated, ids, len(unread), len(tops), len(drawn))


def polars_no_copy(scratch: Path, source: str) -> None:
    """The same without the copy of the source, its fingerprint and the shared rows."""
    polars(scratch, source, copy=False)


def pandas(scratch: Path, source: str) -> None:
    """Does the same work in plain pandas."""
    import numpy as np
    import pandas as pd

    csv = source.endswith(".csv")
    rows = pd.read_csv(source, parse_dates=["seen"]) if csv else pd.read_parquet(source)
    rows.to_parquet(scratch / "plain-copy.parquet")
    print(pd.util.hash_pandas_object(rows, index=False).sum())
    for name in rows.select_dtypes("object"):
        rows[name] = rows[name].str.strip()
    rows[NUMBERS] = rows[NUMBERS].astype("float64")
    rows.to_parquet(scratch / "plain.parquet")
    described = [
        (rows[name].isna().sum(), rows[name].nunique(), rows[name].describe()) for name in rows
    ]
    broken = [(~rows[name].between(-100, 200) & rows[name].notna()).sum() for name in NUMBERS]
    known = ["red", "green", "blue", "grey", "pink"]
    broken += [(~rows[name].isin(known)).sum() for name in CATEGORIES]
    hashes = pd.util.hash_pandas_object(rows.drop(columns="id"), index=False)
    repeated, ids = hashes.nunique(), rows["id"].nunique()
    sample = rows.iloc[:: max(1, len(rows) // 100_000)]
    drawn = [np.histogram(sample[name].dropna(), bins=30) for name in NUMBERS]
    drawn += [sample[NUMBERS].quantile(np.arange(1, 10) / 10), sample[NUMBERS].corr()]
    share = pd.util.hash_array(rows["id"].to_numpy()) % 1000
    for part, low, high in (("train", 400, 1000), ("validation", 200, 400), ("test", 0, 200)):
        rows[(share >= low) & (share < high)].to_parquet(scratch / f"plain-{part}.parquet")
    parts = pd.Series(np.digitize(share, [200, 400])).groupby(hashes.to_numpy()).nunique()
    print(repeated, ids, (parts > 1).sum(), len(described), len(broken), len(drawn))


WAYS = {
    "write": lambda scratch, rows: write(scratch, int(rows)),
    "ingest": ingest,
    "validate": validate,
    "prepare": prepare,
    "polars": polars,
    "no copy": polars_no_copy,
    "pandas": pandas,
}

IMPORTS = {
    "ingest": ["components.ingest.sources"],
    "validate": ["components.validate.validation", "pandera.polars"],
    "prepare": ["components.prepare.preparation"],
    "polars": ["polars"],
    "no copy": ["polars"],
    "pandas": ["pandas", "pyarrow.parquet"],
}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--way"]:
        sys.path.insert(0, str(ROOT))
        for module in IMPORTS.get(sys.argv[2], ()):
            importlib.import_module(module)
        start = time.perf_counter()
        WAYS[sys.argv[2]](Path(sys.argv[3]), sys.argv[4])
        took = time.perf_counter() - start
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"work": took, "peak": largest}))
    else:
        main([int(text) for text in sys.argv[1:]] or [1, 4, 10])
