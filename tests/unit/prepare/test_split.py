import datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.contract import ColumnContract, ColumnType, Contract, Lineage, Role
from components.errors import DataError
from components.prepare.split import PARTS, TEST, entity_of, part_of
from components.spec import Split

LINEAGE = Lineage(run_id="r", rows=1, columns=1, fingerprint="sha256:0")


def contract_of(classes: tuple[Any, ...] | None = None, /, **roles: Role) -> Contract:
    columns = [
        ColumnContract(name=n, type=ColumnType.CATEGORY, role=r, private=n == "secret")
        for n, r in roles.items()
    ]
    return Contract(columns=tuple(columns), target="y", classes=classes, lineage=LINEAGE)


def parts(data: dict[str, Any], contract: Contract, **split: Any) -> list[str]:
    rows = pl.LazyFrame(data)
    found = rows.select(part_of(rows, contract, Split(**split)).alias("part")).collect()
    return [PARTS[part] for part in found["part"].to_list()]


ROWS = st.lists(st.tuples(st.integers(-99, 99), st.text("ab", max_size=3)), min_size=1, max_size=30)
PLAIN = contract_of(a=Role.FEATURE, b=Role.FEATURE)


def table(rows: list[tuple[int, str]]) -> dict[str, Any]:
    return {
        "a": pl.Series([float(a) for a, _ in rows], dtype=pl.Float64),
        "b": pl.Series([b or None for _, b in rows], dtype=pl.String),
    }


@settings(max_examples=40, deadline=None)
@given(ROWS, ROWS, st.integers(0, 2**32 - 1))
def test_part_of_growing_data_keeps_every_rows_part(
    rows: list[tuple[int, str]], more: list[tuple[int, str]], seed: int
) -> None:
    before = parts(table(rows), PLAIN, seed=seed)
    assert set(before) <= set(PARTS)
    assert parts(table([*more, *rows]), PLAIN, seed=seed)[len(more) :] == before


@settings(max_examples=40, deadline=None)
@given(ROWS, st.floats(0.05, 0.4), st.floats(0.0, 0.4))
def test_part_of_larger_test_fraction_only_adds_rows(
    rows: list[tuple[int, str]], test: float, extra: float
) -> None:
    small = parts(table(rows), PLAIN, test=test)
    large = parts(table(rows), PLAIN, test=test + extra)
    assert all(now == TEST for now, was in zip(large, small, strict=True) if was == TEST)


def test_part_of_fractions_are_kept_and_seeds_differ() -> None:
    data = {"a": [float(i) for i in range(5000)], "b": ["u"] * 5000}
    found = parts(data, PLAIN, test=0.3, validation=0.1)
    assert found.count(TEST) / 5000 == pytest.approx(0.3, abs=0.02)
    assert found.count("validation") / 5000 == pytest.approx(0.1, abs=0.02)
    assert found != parts(data, PLAIN, test=0.3, validation=0.1, seed=8)


def test_part_of_id_alone_decides() -> None:
    contract = contract_of(k=Role.ID, a=Role.FEATURE)
    keys = [str(i) for i in range(200)]
    one = parts({"k": keys, "a": [0.0] * 200}, contract)
    assert one == parts({"k": keys, "a": [1.0] * 200}, contract)
    assert len(set(one)) == 3


def test_part_of_new_class_moves_no_row() -> None:
    data = {"a": [float(i) for i in range(200)]}
    roles = {"a": Role.FEATURE, "y": Role.TARGET}
    old = parts({**data, "y": [0, 1] * 100}, contract_of(("b", "c"), **roles))
    new = parts({**data, "y": [1, 2] * 100}, contract_of(("a", "b", "c"), **roles))
    flipped = parts({**data, "y": [1, 0] * 100}, contract_of(("c", "b"), **roles))
    assert old == new == flipped
    assert old != parts({**data, "y": [1, 0] * 100}, contract_of(("b", "c"), **roles))


def test_part_of_neither_roles_nor_private_values_count() -> None:
    data = {"a": [float(i) for i in range(200)], "b": ["u", "v"] * 100}
    secret = {"secret": [f"{i}" for i in range(200)]}
    ignored = contract_of(a=Role.FEATURE, b=Role.IGNORED, secret=Role.IGNORED)
    assert parts({**data, **secret}, ignored) == parts(data, PLAIN)


@pytest.mark.parametrize(
    ("roles", "group"), [({"g": Role.GROUP, "a": Role.FEATURE}, "g"), ({"g": Role.ID}, "g")]
)
def test_part_of_group_stays_together(roles: dict[str, Role], group: str) -> None:
    groups = [str(i % 30) for i in range(300)]
    data = {"g": groups, "a": [float(i) for i in range(300)]}
    found = parts(data, contract_of(**roles), method="group", group=group)
    assert len(set(zip(groups, found, strict=True))) == 30
    assert set(found) == set(PARTS)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=30, max_size=80).filter(lambda v: len(set(v)) > 20))
def test_part_of_time_newest_rows_are_held_out(days: list[int]) -> None:
    start = datetime.datetime(2026, 1, 1)
    moments = [start + datetime.timedelta(days=day) for day in days]
    found = parts({"t": moments}, contract_of(t=Role.TIMESTAMP), method="time")
    at = {part: {m for m, p in zip(moments, found, strict=True) if p == part} for part in PARTS}
    assert max(at["train"]) < min(at["validation"])
    assert not at["test"] or max(at["validation"]) < min(at["test"])
    assert found == parts({"t": days}, contract_of(t=Role.TIMESTAMP), method="time")


def test_part_of_one_moment_is_refused() -> None:
    with pytest.raises(
        DataError,
        match="timestamp .t. has too few different moments to split by time: 1 moment in 9 rows",
    ):
        parts({"t": [1.0] * 9}, contract_of(t=Role.TIMESTAMP), method="time")


def test_part_of_neither_row_order_nor_column_order_counts() -> None:
    data = {"a": [float(i) for i in range(200)], "b": [f"{i % 7}" for i in range(200)]}
    found = parts(data, PLAIN)
    turned = {name: values[::-1] for name, values in reversed(data.items())}
    contract = contract_of(b=Role.FEATURE, a=Role.FEATURE)
    assert parts(turned, contract)[::-1] == found


def test_part_of_id_read_as_a_number_or_as_text_is_one() -> None:
    contract = contract_of(k=Role.ID)
    numbers = parts({"k": [float(i) for i in range(200)]}, contract)
    assert numbers == parts({"k": [str(i) for i in range(200)]}, contract)
    assert numbers == parts({"k": [*map(str, range(200)), "a1"]}, contract)[:-1]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=200), st.sampled_from(["id", "group"]))
def test_part_of_rows_of_one_entity_are_never_on_two_sides(keys: list[int], kind: str) -> None:
    contract = contract_of(k=Role.ID if kind == "id" else Role.GROUP, a=Role.FEATURE)
    data = {"k": [f"k{key}" for key in keys], "a": [float(i) for i in range(len(keys))]}
    split = {} if kind == "id" else {"method": "group", "group": "k"}
    found = parts(data, contract, **split)
    assert len(found) == len(keys)
    sides = {key: {p for k, p in zip(keys, found, strict=True) if k == key} for key in set(keys)}
    assert all(len(side) == 1 for side in sides.values())


def test_entity_of_each_method() -> None:
    both = contract_of(k=Role.ID, g=Role.GROUP)
    assert entity_of(both, Split()) == "k"
    assert entity_of(both, Split(method="group", group="g")) == "g"
    assert entity_of(both, Split(method="time")) is None
    assert entity_of(contract_of(a=Role.FEATURE), Split()) is None


def test_part_of_a_row_without_a_moment_trains() -> None:
    data = {"t": [1.0, 2.0, None, 3.0, None]}
    found = parts(data, contract_of(t=Role.TIMESTAMP), method="time")
    assert found == ["train", "validation", "train", "test", "train"]


def test_part_of_time_fractions_are_kept() -> None:
    found = parts({"t": list(range(10))}, contract_of(t=Role.TIMESTAMP), method="time")
    assert found == ["train"] * 6 + ["validation"] * 2 + ["test"] * 2
