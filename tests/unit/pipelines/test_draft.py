from pathlib import Path

import polars as pl
import pytest

from components.errors import SpecError
from components.spec import Spec, load
from pipelines.draft import draft_spec


def drafted(folder: Path, rows: pl.DataFrame, target: str, name: str = "My Data.csv") -> Spec:
    rows.write_csv(folder / name)
    path = folder / "spec.yaml"
    path.write_text(draft_spec(str(folder / name), target, folder), encoding="utf-8")
    assert "source: " in path.read_text()
    assert str(folder) not in path.read_text()
    spec = load(path)
    assert spec.source == [str(folder / name)]
    return spec


def table(**columns: list[object]) -> pl.DataFrame:
    count = max(map(len, columns.values()))
    return pl.DataFrame({"x": [float(i) for i in range(count)], **columns})


def test_draft_two_texts_is_binary_with_a_positive(tmp_path: Path) -> None:
    spec = drafted(tmp_path, table(left=["no", "yes"] * 30), "left")
    assert (spec.name, spec.task, spec.positive) == ("my-data", "binary", "yes")


def test_draft_two_numbers_is_binary(tmp_path: Path) -> None:
    spec = drafted(tmp_path, table(left=[0, 1] * 30), "left")
    assert (spec.task, str(spec.positive)) == ("binary", "1")


def test_draft_few_texts_is_multiclass(tmp_path: Path) -> None:
    spec = drafted(tmp_path, table(kind=["a", "b", "c"] * 20), "kind")
    assert (spec.task, spec.positive) == ("multiclass", None)


def test_draft_many_numbers_is_regression(tmp_path: Path) -> None:
    spec = drafted(tmp_path, table(price=[i * 1.5 for i in range(60)]), "price")
    assert (spec.task, spec.search.metric) == ("regression", "rmse")


def test_draft_names_id_and_time(tmp_path: Path) -> None:
    rows = table(
        visit_id=[f"v{i}" for i in range(60)],
        seen=[f"2026-01-{1 + i % 28:02d}" for i in range(60)],
        left=["no", "yes"] * 30,
    )
    spec = drafted(tmp_path, rows, "left")
    assert (spec.id, spec.timestamp) == ("visit_id", "seen")


@pytest.mark.parametrize("target", ["a: b", "no", "123", "# x", "Größe", "it's"])
def test_draft_quotes_what_yaml_would_misread(tmp_path: Path, target: str) -> None:
    assert drafted(tmp_path, table(**{target: ["no", "yes"] * 30}), target).target == target


def test_draft_unknown_target_is_refused_without_what_may_be_a_row(tmp_path: Path) -> None:
    table(left=[1, 2]).write_csv(tmp_path / "a.csv")
    with pytest.raises(
        SpecError, match=r"target 'gone' is no column of '.*a\.csv', which has 2: check"
    ):
        draft_spec(str(tmp_path / "a.csv"), "gone", tmp_path)


def test_draft_of_sklearn_table_is_a_spec(tmp_path: Path) -> None:
    path = tmp_path / "wine.yaml"
    path.write_text(draft_spec("sklearn://wine", "target", tmp_path))
    assert (load(path).name, load(path).task) == ("wine", "multiclass")


def test_draft_proposes_what_tells_the_target_alone(tmp_path: Path) -> None:
    price = [float(i * 37 % 60) for i in range(60)]
    rows = table(price=price, total=[p * 2 + i % 3 for i, p in enumerate(price)])
    rows.write_csv(tmp_path / "a.csv")
    text = draft_spec(str(tmp_path / "a.csv"), "price", tmp_path)
    assert "# drop: [total]" in text


def test_draft_proposes_private_columns_as_comments(tmp_path: Path) -> None:
    rows = table(mail=[f"p{i}@example.org" for i in range(60)], left=["no", "yes"] * 30)
    rows.write_csv(tmp_path / "a.csv")
    text = draft_spec(str(tmp_path / "a.csv"), "left", tmp_path)
    assert "#   mail: {privacy: drop}  # mail" in text
    assert "example.org" not in text


def test_draft_declares_words_for_no_value(tmp_path: Path) -> None:
    rows = table(paid=["unknown", "?"] + [str(i) for i in range(58)], left=["no", "yes"] * 30)
    spec = drafted(tmp_path, rows, "left")
    assert spec.columns["paid"].missing == ["?", "unknown"]


def test_draft_date_of_birth_dates_no_row(tmp_path: Path) -> None:
    days = [f"19{50 + i % 40}-01-02" for i in range(60)]
    spec = drafted(tmp_path, table(birth_date=days, left=["no", "yes"] * 30), "left")
    assert (spec.timestamp, spec.split.method) == (None, "random")


def test_draft_unlabelled_rows_are_said_and_dropped(tmp_path: Path) -> None:
    spec = drafted(tmp_path, table(left=[None, *["no", "yes"] * 30]), "left")
    assert spec.checks.unlabelled == "drop"
