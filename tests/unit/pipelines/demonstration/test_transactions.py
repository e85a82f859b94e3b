import csv
from pathlib import Path

import numpy as np
import pytest

from pipelines.demonstration.transactions import COLUMNS, TARGET, Transactions, write_history

CHANGE = 3000


@pytest.fixture(scope="module")
def rows() -> list[dict[str, object]]:
    return list(Transactions(7, CHANGE).rows(0, 2 * CHANGE))


def share(rows: list[dict[str, object]], column: str, value: object) -> float:
    return sum(row[column] == value for row in rows) / len(rows)


def fraud(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    return [row for row in rows if row[TARGET] == "yes"]


def test_rows_same_seed_give_the_same_rows_wherever_they_begin(
    rows: list[dict[str, object]],
) -> None:
    again = list(Transactions(7, CHANGE).rows(2900, 200))
    assert again == rows[2900:3100]


def test_rows_other_seed_gives_other_rows(rows: list[dict[str, object]]) -> None:
    assert list(Transactions(8, CHANGE).rows(0, 10)) != rows[:10]


def test_rows_hold_every_column_in_order(rows: list[dict[str, object]]) -> None:
    assert all(tuple(row) == COLUMNS for row in rows)
    assert len({row["transaction"] for row in rows}) == len(rows)


def test_rows_fraud_changes_from_nights_abroad_to_small_sums_online(
    rows: list[dict[str, object]],
) -> None:
    before, after = fraud(rows[:CHANGE]), fraud(rows[CHANGE:])
    assert share(before, "channel", "online") < 0.4 < 0.7 < share(after, "channel", "online")
    amounts = [np.median([float(str(row["amount"])) for row in part]) for part in (before, after)]
    assert amounts[0] > 8 * amounts[1]
    assert share(before, "country", "abroad") > 3 * share(after, "country", "abroad")


def test_rows_share_of_fraud_does_not_change(rows: list[dict[str, object]]) -> None:
    before, after = (len(fraud(part)) / CHANGE for part in (rows[:CHANGE], rows[CHANGE:]))
    # Five standard errors of a share of 0.12 among 3000 rows.
    assert abs(before - after) < 5 * np.sqrt(2 * 0.12 * 0.88 / CHANGE)


def test_write_history_writes_the_first_rows_as_csv(
    rows: list[dict[str, object]], tmp_path: Path
) -> None:
    path = tmp_path / "transactions.csv"
    write_history(path, Transactions(7, CHANGE), 25)
    with path.open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert found == [{name: str(value) for name, value in row.items()} for row in rows[:25]]
