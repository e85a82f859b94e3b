from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from components.contract import ColumnContract, ColumnType, Contract, Lineage, Role
from components.dates.parts import AGE
from components.errors import DataError
from components.examples import Dropped
from components.prepare.features import TrainingRows, build_signature
from components.signature import Signature
from components.spec import Features

LINEAGE = Lineage(run_id="r", rows=1, columns=1, fingerprint="sha256:0")
KINDS = {
    pl.Float64: ColumnType.NUMBER,
    pl.String: ColumnType.CATEGORY,
    pl.Datetime("us"): ColumnType.DATE,
}
START = datetime(2024, 1, 1)
DAYS = [START + timedelta(days=i * 7 % 800) for i in range(400)]


def signature_of(
    data: dict[str, Any], sample: slice | None = None, /, **limits: Any
) -> tuple[Signature, tuple[Dropped, ...]]:
    """Builds the signature; `clock` is the timestamp and `flag…` a boolean."""
    rows = pl.DataFrame(data)
    columns = [
        ColumnContract(
            name=name,
            type=ColumnType.BOOLEAN if name.startswith("flag") else KINDS[kind],
            role=Role.TIMESTAMP if name == "clock" else Role.FEATURE,
            formats=("%Y-%m-%d",) if kind == pl.Datetime("us") else (),
            missing=("?",),
            inferred=False,
        )
        for name, kind in rows.schema.items()
    ]
    target = ColumnContract(name="y", type=ColumnType.CATEGORY, role=Role.TARGET)
    contract = Contract(columns=(*columns, target), target="y", classes=("n", "p"), lineage=LINEAGE)
    train = TrainingRows(all=rows.lazy(), count=len(rows), sample=rows[sample or slice(None)])
    return build_signature(contract, Features(**limits), train)


def test_build_signature_orders_numbers_strings_dates() -> None:
    data = {
        "d": DAYS,
        "s": ["u", "v"] * 200,
        "flag": ["true", "false"] * 200,
        "n": [float(i % 9) for i in range(400)],
    }
    signature, dropped = signature_of(data)
    assert [(f.name, f.dtype) for f in signature.inputs] == [
        ("n", "float32"),
        ("s", "string"),
        ("flag", "string"),
        ("d", "date"),
    ]
    s, flag, date = signature.inputs[1:]
    assert (s.boolean, s.categories, s.missing) == (False, ("u", "v"), ("?",))
    assert (flag.boolean, flag.categories) == (True, ("false", "true"))
    assert (date.formats, date.parts[:3]) == (("%Y-%m-%d",), ("days", "year", "month"))
    assert (signature.clock, signature.ignored, dropped) == (None, ("y",), ())


def test_build_signature_drops_the_near_constant_and_says_the_share() -> None:
    data = {
        "n": [float(i) for i in range(400)],
        "same": [1.0] * 398 + [2.0, 3.0],
        "gone": pl.Series([None] * 400, dtype=pl.String),
    }
    signature, dropped = signature_of(data, max_constant=0.99)
    assert signature.numbers == ("n",)
    assert signature.ignored == ("same", "gone", "y")
    assert dropped == (
        Dropped(name="same", reason="has one value in 99.5 % of the training rows"),
        Dropped(name="gone", reason="has no value in 100 % of the training rows"),
    )


def test_build_signature_drops_the_later_of_two_numbers_alike() -> None:
    one = [float(i * i % 97) for i in range(400)]
    signature, dropped = signature_of({"a": one, "b": [5 - 2 * x for x in one]})
    assert signature.numbers == ("a",)
    assert dropped == (Dropped(name="b", reason="correlates above 0.999 with 'a'"),)


def test_build_signature_of_dates_with_a_clock_has_ages() -> None:
    before = [day - timedelta(days=i * i % 50) for i, day in enumerate(DAYS)]
    signature, _ = signature_of({"clock": DAYS, "d": before})
    assert signature.clock == "clock"
    assert [date.name for date in signature.dates] == ["clock", "d"]
    assert AGE in signature.dates[1].parts
    assert "month_sin" in signature.dates[0].parts


def test_build_signature_of_a_clock_that_only_dates_ages_keeps_it_without_parts() -> None:
    days = [START + timedelta(days=i % 3) for i in range(400)]
    before = [day - timedelta(days=i * i % 50) for i, day in enumerate(days)]
    signature, _ = signature_of({"clock": days, "d": before})
    assert (signature.clock, signature.dates[0].parts) == ("clock", ())


def test_build_signature_of_a_clock_that_nothing_needs_ignores_it() -> None:
    days = [START + timedelta(days=i % 3) for i in range(400)]
    signature, _ = signature_of({"clock": days, "n": [float(i % 7) for i in range(400)]})
    assert (signature.clock, signature.dates) == (None, ())
    assert signature.ignored == ("clock", "y")


def test_build_signature_of_a_date_told_by_another_says_so() -> None:
    signature, dropped = signature_of({"a": DAYS, "b": DAYS})
    assert [date.name for date in signature.dates] == ["a"]
    assert dropped == (Dropped(name="b", reason="tells nothing that other columns do not"),)


def test_build_signature_lists_the_most_frequent_categories_by_name_among_equals() -> None:
    values = [f"k{i:04}" for i in range(1500)] + ["zz"] * 2
    assert signature_of({"c": values})[0].inputs[0].categories == (*values[:999], "zz")


def test_build_signature_counts_categories_over_all_rows_and_not_the_sample() -> None:
    few = signature_of({"c": ["a", "b"] * 50 + ["c"]}, slice(0, 50))[0]
    assert few.inputs[0].categories == ("a", "b", "c")
    # So many that counting them all would need memory by the row.
    many = signature_of({"c": [f"k{i:05}" for i in range(5000)]}, slice(0, 2000))[0]
    assert len(many.inputs[0].categories or ()) == 1000
    assert max(many.inputs[0].categories or ()) < "k02000"


def test_build_signature_without_a_feature_left_says_why_of_each() -> None:
    with pytest.raises(DataError) as error:
        signature_of({"n": [1.0] * 60, "s": pl.Series([None] * 60, dtype=pl.String)})
    assert str(error.value) == (
        "no feature is left: all 2 candidates tell nothing in the 60 training rows: 'n' has one "
        "value in 100 % of the training rows; 's' has no value in 100 % of the training rows"
    )
