import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.contract import ColumnContract, ColumnType, Contract, Lineage, Role
from components.signature import Label
from components.validate.bins import calendar, edges, histogram, outliers
from components.validate.changes import psi
from components.validate.describe import describe
from components.validate.failure import Failure, Severity
from components.validate.statistics import FORMAT, Statistics
from components.validate.tally import SAMPLED_ROWS

N = 400
TYPES = {
    pl.Float64: ColumnType.NUMBER,
    pl.String: ColumnType.CATEGORY,
    pl.Datetime: ColumnType.DATE,
    pl.Int64: ColumnType.CATEGORY,
}


def contract_of(
    frame: pl.DataFrame, classes: tuple[Label, ...] | None = ("no", "yes"), **columns: Any
) -> Contract:
    """The contract of a typed table whose target is y; columns as changes to it."""
    found = []
    for name, dtype in frame.schema.items():
        role = Role.TARGET if name == "y" else Role.FEATURE
        keys = {"name": name, "type": TYPES[dtype.base_type()], "role": role}
        found.append(ColumnContract(**{**keys, **columns.get(name, {})}))
    lineage = Lineage(run_id="r", rows=len(frame), columns=frame.width, fingerprint="sha256:0")
    return Contract(columns=tuple(found), target="y", classes=classes, lineage=lineage)


def table(rows: int = N, seed: int = 0, shift: float = 0.0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, rows)
    x = rng.normal(shift, 1, rows) + y
    return pl.DataFrame(
        {
            "x": pl.Series(x).set(pl.Series(np.arange(rows) % 10 == 3), None),
            "noise": rng.normal(size=rows),
            "city": rng.choice(["Bern", "Lyon"], rows),
            "when": pl.Series(np.arange(rows) * 3_600_000_000).cast(pl.Datetime("us")),
            "y": y,
        }
    )


def described(frame: pl.DataFrame, previous: Statistics | None = None, **keys: Any) -> Statistics:
    return describe(frame.lazy(), contract_of(frame, **keys), previous=previous)


def found(statistics: Statistics, name: str) -> Any:
    column = statistics.column(name)
    assert column is not None
    return column


def test_describe_numbers_are_those_of_all_rows() -> None:
    frame = table()
    column = found(described(frame), "x")
    values = frame["x"].drop_nulls().to_numpy()
    assert (column.missing, column.distinct) == (N // 10, N - N // 10)
    assert column.numbers.mean == pytest.approx(values.mean())
    assert column.numbers.std == pytest.approx(values.std())
    assert (column.numbers.minimum, column.numbers.maximum) == pytest.approx(
        (values.min(), values.max())
    )
    assert column.numbers.quantiles[3] == pytest.approx(np.median(values), rel=1e-5)
    drawn = column.numbers.histogram
    assert sum(drawn.counts) + drawn.below + drawn.above == len(values)


def test_describe_several_batches_count_as_one() -> None:
    rows = 2 * SAMPLED_ROWS + 17
    numbers = np.arange(rows, dtype=np.float64)
    frame = pl.DataFrame({"x": numbers, "y": np.arange(rows) % 2})
    statistics = described(frame)
    column = found(statistics, "x")
    assert statistics.rows == rows
    assert SAMPLED_ROWS / 2 < statistics.sampled <= SAMPLED_ROWS
    assert column.numbers.mean == pytest.approx(numbers.mean(), rel=1e-11)
    assert column.numbers.std == pytest.approx(numbers.std(), rel=1e-11)
    assert column.numbers.zeros == 1
    assert column.distinct == pytest.approx(rows, rel=0.07)
    assert column.numbers.quantiles[3] == pytest.approx(rows / 2, rel=0.02)
    top = found(statistics, "y").categories.top
    assert [(c.name, c.count) for c in top] == [("no", rows // 2 + 1), ("yes", rows // 2)]


def test_describe_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    frame = table(120_000)
    frame.write_parquet(tmp_path / "a.parquet", row_group_size=9_999)
    frame.write_parquet(tmp_path / "b.parquet")
    contract = contract_of(frame)
    texts = {
        describe(pl.scan_parquet(tmp_path / name), contract).model_dump_json()
        for name in ("a.parquet", "b.parquet", "a.parquet")
    }
    assert len(texts) == 1


def test_describe_telling_column_is_stronger_than_noise() -> None:
    statistics = described(table(2_000))
    x, noise, city = (found(statistics, name) for name in ("x", "noise", "city"))
    assert x.strength > 0.3
    assert noise.strength < 0.1
    assert city.strength < 0.1
    shares = [outcome[0] for outcome in x.bins.outcome[:-1]]
    assert shares[0] < 0.2 < 0.8 < shares[-1]
    assert statistics.base[0] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(("classes", "rows"), [(("no", "yes"), 1), (None, 1), ((), 9)])
def test_describe_next_to_nothing_is_described(classes: Any, rows: int) -> None:
    target = pl.Series([None] * rows, dtype=pl.Int64) if classes == () else pl.Series([1] * rows)
    if classes is None:
        target = target.cast(pl.Float64)
    frame = pl.DataFrame({"x": [1.0] * rows, "y": target})
    statistics = described(frame, classes=classes)
    assert statistics.rows == rows
    assert found(statistics, "x").strength is None
    assert found(statistics, "x").numbers.outliers is None


def test_describe_regression_tells_the_mean_by_bin() -> None:
    frame = pl.DataFrame({"kind": ["a", "b"] * 100, "y": [1.0, 3.0] * 100})
    statistics = described(frame, classes=None)
    kind = found(statistics, "kind")
    assert kind.strength == 1
    assert kind.bins.outcome[:2] == ((1.0,), (3.0,))
    assert statistics.base == (2.0,)


def test_describe_extreme_numbers_stay_finite() -> None:
    values = [1.7e308, -1.7e308, 0.0, 1.0] * 25
    frame = pl.DataFrame({"x": [3e38, -3e38, 0.0, None] * 25, "y": values})
    statistics = described(frame, classes=None)
    text = statistics.model_dump_json()
    assert json.loads(text)["rows"] == 100
    assert "Infinity" not in text
    assert "NaN" not in text


def secrets(count: int = N) -> list[str]:
    return [f"SECRET-{i % 60:03}" for i in range(count)]


@pytest.mark.parametrize(
    ("keys", "distinct"),
    [
        ({"private": True, "role": Role.IGNORED}, None),
        ({"private": True, "role": Role.ID}, None),
        ({"role": Role.ID}, 60),
        ({"role": Role.GROUP}, 60),
        ({"role": Role.IGNORED, "reason": "nearly every value differs"}, 60),
    ],
)
def test_describe_identifying_column_is_told_by_counts_alone(
    keys: dict[str, Any], distinct: int | None
) -> None:
    frame = table().with_columns(
        s=pl.Series(secrets()).set(pl.Series([True] + [False] * 399), None)
    )
    statistics = described(frame, s=keys)
    column = found(statistics, "s")
    assert (column.missing, column.distinct) == (1, distinct)
    assert column.withheld
    assert column.numbers is column.dates is column.categories is column.bins is None
    assert "SECRET" not in statistics.model_dump_json()


def test_describe_nearly_unique_text_is_told_by_counts_alone() -> None:
    frame = table().with_columns(s=pl.Series([f"SECRET{i}" for i in range(N)]))
    assert "SECRET" not in described(frame).model_dump_json()


def test_describe_suspected_personal_data_is_told_by_counts_alone() -> None:
    frame = table().with_columns(s=pl.Series(secrets()))
    assert "SECRET" in described(frame).model_dump_json()
    failure = Failure("personal_data", "s", 3, Severity.WARN, "declare privacy", (1,))
    statistics = describe(frame.lazy(), contract_of(frame), [failure])
    assert "SECRET" not in statistics.model_dump_json()
    assert statistics.failures[0].places == (1,)


def test_describe_rare_category_is_not_named() -> None:
    frame = table().with_columns(s=pl.Series(["RARE"] * 4 + ["often"] * (N - 4)))
    statistics = described(frame)
    categories = found(statistics, "s").categories
    assert "RARE" not in statistics.model_dump_json()
    assert (categories.rest, categories.others) == (4, 1)


def test_describe_correlations_use_rows_with_both_values() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(1e9, 1, N)
    there = np.arange(N) % 3 > 0
    frame = pl.DataFrame({"x": x, "z": -2 * x, "const": np.ones(N), "y": x + rng.normal(size=N)})
    frame = frame.with_columns(z=pl.when(pl.Series(there)).then("z"))
    known = described(frame, classes=None).correlations
    at = {name: index for index, name in enumerate(known.names)}
    assert known.matrix[at["x"]][at["z"]] == pytest.approx(-1, abs=1e-6)
    wanted = np.corrcoef(frame["x"], frame["y"])[0, 1]
    assert known.matrix[at["x"]][at["y"]] == pytest.approx(wanted, abs=1e-5)
    assert known.matrix[at["x"]][at["const"]] is None


def test_describe_same_distribution_has_no_shift() -> None:
    before = described(table(5_000, seed=1))
    changes = described(table(6_000, seed=2), before).changes
    assert changes is not None
    assert changes.rows_before == 5_000
    shifts = {shift.name: shift for shift in changes.shifts}
    assert all(s.psi < 0.02 for n, s in shifts.items() if n != "when")
    assert shifts["when"].psi is None


def test_describe_changes_are_all_told() -> None:
    before = described(table(5_000).with_columns(old=pl.lit(1.0), turned=pl.lit("a")))
    now = table(5_000, seed=3, shift=2.0).with_columns(
        new=pl.lit(1.0),
        turned=pl.lit(1.0),
        city=pl.when(pl.int_range(pl.len()) < 900).then(pl.lit("Rom")).otherwise("city"),
        noise=pl.when(pl.int_range(pl.len()) % 2 == 0).then("noise"),
    )
    changes = described(now, before).changes
    assert changes is not None
    assert (changes.new, changes.gone) == (("new",), ("old",))
    assert [r.name for r in changes.retyped] == ["turned"]
    shifts = {shift.name: shift for shift in changes.shifts}
    assert shifts["x"].psi > 0.2
    assert shifts["x"].mean - shifts["x"].mean_before == pytest.approx(2, abs=0.1)
    assert shifts["city"].new_categories == ("Rom",)
    assert (shifts["noise"].missing_before, shifts["noise"].missing) == (0, 0.5)
    assert shifts["turned"].psi is None


@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=20))
def test_psi_of_a_distribution_with_itself_is_0(counts: list[int]) -> None:
    assert psi(counts, counts) in (0, None)


def test_psi_less_its_bias_is_near_0_on_average_and_sees_a_shift() -> None:
    rng = np.random.default_rng(0)
    even = [rng.multinomial(500, [0.1] * 10) for _ in range(200)]
    plain = [psi(a.tolist(), b.tolist()) for a, b in zip(even[::2], even[1::2], strict=True)]
    assert np.mean([p for p in plain if p is not None]) < 0.01
    assert psi([500, 500], [900, 100]) == pytest.approx(0.876, abs=0.02)
    assert psi([0, 0], [1, 1]) is None


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=300))
def test_histogram_every_value_is_counted_once(values: list[float]) -> None:
    drawn = histogram(np.array(values))
    assert drawn is not None
    assert sum(drawn.counts) + drawn.below + drawn.above == len(values)
    assert len(drawn.counts) <= 41


def test_histogram_whole_numbers_have_a_bar_each() -> None:
    drawn = histogram(np.repeat(np.arange(7.0), 9))
    assert drawn is not None
    assert drawn.counts == (9,) * 7
    assert (drawn.low, drawn.high) == (-0.5, 6.5)


def test_edges_frequent_value_has_a_bin_of_its_own() -> None:
    assert edges(np.array([0.0] * 80 + list(range(1, 21)))).tolist()[0] == 1


def test_outliers_are_beyond_the_fences() -> None:
    fence = outliers(np.array([*range(100), 1000.0, -900.0, -901.0]))
    assert fence is not None
    assert (fence.below, fence.above) == (2, 1)
    assert outliers(np.array([0.0] * 90 + [1.0] * 10)) is None


@pytest.mark.parametrize(
    ("dates", "every", "starts"),
    [
        (["2026-01-01T00:00", "2026-01-03T05:00"], "six hours", "2026-01-01T00"),
        (["2026-01-07", "2026-05-01"], "week", "2026-01-05"),
        (["0001-01-01", "9999-12-31"], "millennium", "0000"),
    ],
)
def test_calendar_takes_the_finest_step_that_fits(
    dates: list[str], every: str, starts: str
) -> None:
    moments = np.array(dates, dtype="datetime64[us]").astype(np.int64)
    step, begins, counts = calendar(moments)
    assert (step, begins[0], sum(counts)) == (every, starts, 2)


def test_statistics_round_trip(tmp_path: Path) -> None:
    statistics = described(table(), described(table(seed=9)))
    statistics.write(tmp_path / "statistics.json")
    assert Statistics.read(tmp_path / "statistics.json") == statistics


@pytest.mark.parametrize("text", [None, "", "{}", "[1", "newer", "changed"])
def test_statistics_of_another_format_are_nothing_to_compare_with(
    tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "statistics.json"
    document = json.loads(described(table()).model_dump_json())
    if text == "newer":
        text = json.dumps(document | {"format": FORMAT + 1})
    elif text == "changed":
        text = json.dumps(document | {"format": FORMAT + 1, "unheard_of": 1})
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert Statistics.read(path) is None
