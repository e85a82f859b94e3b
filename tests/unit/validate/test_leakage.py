"""How much a feature tells of the target, against other libraries and by hand."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from components.contract import ColumnContract, ColumnType, Contract, Lineage, Role
from components.validate.leakage import telling

N = 400
RNG = np.random.default_rng(0)
ANSWERS = RNG.integers(0, 2, N)


def told(values: Any, target: Any = ANSWERS, *, classes: tuple[str, ...] | None = None) -> float:
    """How much of a target one feature tells."""
    frame = pl.DataFrame({"x": values, "y": target})
    kinds = {pl.String: ColumnType.CATEGORY, pl.Datetime: ColumnType.DATE}
    kind = kinds.get(frame["x"].dtype.base_type(), ColumnType.NUMBER)
    columns = (
        ColumnContract(name="x", type=kind, role=Role.FEATURE),
        ColumnContract(name="y", type=ColumnType.NUMBER, role=Role.TARGET),
    )
    lineage = Lineage(run_id="r", rows=N, columns=2, fingerprint="sha256:0")
    contract = Contract(columns=columns, target="y", classes=classes, lineage=lineage)
    return telling(frame, contract)["x"]


def test_telling_number_of_two_classes_is_the_area_under_the_curve() -> None:
    values = (RNG.normal(size=N) - 2 * ANSWERS).round(1)
    area = roc_auc_score(ANSWERS, -values)
    assert told(values, classes=("n", "p")) == pytest.approx(2 * area - 1)


def test_telling_number_of_a_number_is_the_greater_correlation() -> None:
    values = RNG.normal(size=N)
    target = -np.exp(3 * values)
    assert told(values, target) == pytest.approx(1.0)
    bent = values + RNG.normal(size=N)
    frame = pl.DataFrame({"x": bent, "y": values})
    both = [frame.select(pl.corr("x", "y", method=m)).item() for m in ("pearson", "spearman")]
    assert told(bent, values) == pytest.approx(max(both))


def test_telling_category_of_classes_is_the_share_of_errors_avoided() -> None:
    # 60 of "a" are of class 0 and 40 of class 1; "b" the other way round: 40 errors a hundred
    # where always naming the larger class makes 50.
    target = [0] * 60 + [1] * 40 + [0] * 40 + [1] * 60
    values = ["a"] * 100 + ["b"] * 100
    assert told(values, target, classes=("n", "p")) == pytest.approx(0.2)


def test_telling_category_of_a_number_is_the_correlation_ratio() -> None:
    target = [0.0, 2.0] * 50 + [2.0, 4.0] * 50
    assert told(["a"] * 100 + ["b"] * 100, target) == pytest.approx(0.5)


def test_telling_rare_categories_are_pooled() -> None:
    values = [f"v{i // 5}" for i in range(N)]
    target = [i // 5 % 2 for i in range(N)]
    assert told(values, target, classes=("n", "p")) == 0
    assert told(
        [f"v{i // 10}" for i in range(N)], [i // 10 % 2 for i in range(N)]
    ) == pytest.approx(1)


@pytest.mark.parametrize("dtype", [pl.Float64, pl.Datetime("us"), pl.String])
def test_telling_by_what_is_missing_alone(dtype: Any) -> None:
    values = pl.Series([7 if answer else None for answer in ANSWERS]).cast(dtype)
    assert told(values, classes=("n", "p")) == 1


@pytest.mark.parametrize("values", [[1.0] * N, [None] * N, [1.7e308, -1.7e308] * (N // 2)])
def test_telling_what_cannot_be_measured_is_nothing(values: list[Any]) -> None:
    column = pl.Series(values, dtype=pl.Float64)
    target = pl.Series(RNG.permutation([1.0, 2.0] * (N // 2)))
    assert told(column, target) < 0.2
