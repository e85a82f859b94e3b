from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from components.contract import (
    ColumnContract,
    ColumnType,
    Contract,
    Lineage,
    Role,
    canonical_text,
    has_text,
)


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1, -2, None], pl.Int8, ["1", "-2", None]),
        ([2**64 - 1], pl.UInt64, ["18446744073709551615"]),
        ([1.0, -0.0, 0.5, None], pl.Float64, ["1", "0", "0.5", None]),
        ([float("nan"), float("inf"), 1e300], pl.Float64, [None, "inf", "1e+300"]),
        ([2.0**53 - 1, 123456789.0], pl.Float64, ["9007199254740991", "123456789"]),
        ([0.1, 3.0], pl.Float32, ["0.1", "3"]),
        ([Decimal("1.00"), Decimal("10.50"), None], pl.Decimal(9, 2), ["1", "10.5", None]),
        ([Decimal("100")], pl.Decimal(9, 0), ["100"]),
        ([True, None], pl.Boolean, ["true", None]),
        (["1.0", "1.10", " a"], pl.String, ["1.0", "1.10", " a"]),
        ([[1], [2]], pl.List(pl.Int64), [None, None]),
        ([b"\xff"], pl.Binary, [None]),
    ],
)
def test_canonical_text_is_what_a_client_would_send(
    values: list[Any], dtype: Any, expected: list[str | None]
) -> None:
    series = pl.Series("z", values, dtype=dtype)
    frame = pl.LazyFrame({"z": series})
    found = frame.select(canonical_text(pl.col("z"), series.dtype).alias("z")).collect()["z"]
    assert found.to_list() == expected
    assert found.dtype == pl.String


def test_has_text_nested_values_have_none() -> None:
    nested = [pl.List(pl.Int8), pl.Struct({"a": pl.Int8}), pl.Binary(), pl.Duration("ms")]
    assert [has_text(dtype) for dtype in nested] == [False] * 4
    assert [has_text(dtype) for dtype in (pl.Time(), pl.Date(), pl.Int8())] == [True] * 3


def test_contract_written_is_read_again(tmp_path: Path) -> None:
    column = ColumnContract(
        name="é", type=ColumnType.NUMBER, role=Role.FEATURE, minimum=0.1, unique=True, private=True
    )
    lineage = Lineage(run_id="r", rows=1, columns=1, fingerprint="sha256:0")
    contract = Contract(columns=(column,), target="y", classes=(False, True), lineage=lineage)
    contract.write(tmp_path)
    assert Contract.read(tmp_path) == contract
    assert contract.named(Role.FEATURE) == ["é"]
    assert contract.named(Role.ID) == []


def test_contract_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Lineage.model_validate(
            {"run_id": "r", "rows": 1, "columns": 1, "fingerprint": "f", "color": 1}
        )
