import math

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from components.contract import ColumnContract, ColumnType, Role
from components.truth import truth
from components.validate.profile import profile
from components.validate.reading import LARGEST_FEATURE, NUMBER_MISSING, Reading
from components.validate.typed import typed

TEXTS = st.lists(
    st.one_of(
        st.none(),
        st.text("0123456789.-+einfa ?", max_size=6),
        st.floats().map(str),
        st.dates().map(str),
        st.sampled_from(["yes", "No", "TRUE", "f", "1.0"]),
    ),
    min_size=1,
    max_size=10,
)


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.sampled_from(ColumnType))
def test_typed_never_invents_a_value(values: list[str | None], kind: ColumnType) -> None:
    rows = pl.LazyFrame({"z": pl.Series(values, dtype=pl.String)})
    missing = NUMBER_MISSING if kind is ColumnType.NUMBER else ()
    column = ColumnContract(name="z", type=kind, role=Role.FEATURE, missing=missing)
    profiles, joined = profile(rows, lambda _: Reading(dated=kind is ColumnType.DATE))
    found = joined.select(typed(column, profiles["z"])).collect()["z"].to_list()
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
            assert f"{value.year:04d}-{value.month:02d}-{value.day:02d}" == text[:10]
        else:
            assert value == (truth(text) if kind is ColumnType.BOOLEAN else text)
