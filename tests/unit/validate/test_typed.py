import math

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from components.contract import ColumnContract, ColumnType, Role
from components.validate.profile import NUMBER_MISSING, profile
from components.validate.typed import LARGEST_FEATURE, typed

TEXTS = st.lists(
    st.one_of(st.none(), st.text("0123456789.-+einfa ?", max_size=6), st.floats().map(str)),
    min_size=1,
    max_size=10,
)


@settings(max_examples=120, deadline=None)
@given(TEXTS, st.sampled_from(ColumnType))
def test_typed_never_invents_a_value(values: list[str | None], kind: ColumnType) -> None:
    rows = pl.LazyFrame({"z": pl.Series(values, dtype=pl.String)})
    missing = NUMBER_MISSING if kind is ColumnType.NUMBER else ()
    column = ColumnContract(name="z", type=kind, role=Role.FEATURE, missing=missing)
    found = rows.select(typed(column, profile(rows, {})["z"])).collect()["z"].to_list()
    for source, value in zip(values, found, strict=True):
        text = (source or "").strip()
        if value is None:
            continue
        assert text
        if kind is ColumnType.NUMBER:
            assert float(text) == value
            assert math.isfinite(value)
            assert abs(value) <= LARGEST_FEATURE
        elif kind is ColumnType.DATE:
            assert value.isoformat()[:4] == text[:4]
        else:
            assert value == (text.lower() if kind is ColumnType.BOOLEAN else text)
