from pathlib import Path
from typing import Any, get_args

import numpy as np
import polars as pl
import pytest

from components import bundle
from components.errors import BundleError, DataError, SpecError
from components.examples import feature_tensors
from components.score.batch import PREDICTIONS, score, score_addresses
from tests.bundles import Fitted, Task, build, reseal
from tests.scoring import dated_bundle, dated_signature, table

TASKS: tuple[Task, ...] = get_args(Task)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Fitted]:
    folder = tmp_path_factory.mktemp("bundles")
    return {task: build(folder / task, task) for task in TASKS}


def write(folder: Path, rows: pl.DataFrame, suffix: str) -> Path:
    path = folder / f"rows{suffix}"
    rows.write_csv(path) if suffix == ".csv" else rows.write_parquet(path)
    return path


def answers(path: Path) -> pl.DataFrame:
    return pl.read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_score_answers_what_the_bundle_does(
    fitted: dict[str, Fitted], tmp_path: Path, task: Task, suffix: str
) -> None:
    source, target = write(tmp_path, table(), suffix), tmp_path / "answers.parquet"
    scored = score(fitted[task].folder, source, target)
    got = pl.read_parquet(target)
    loaded = bundle.load(fitted[task].folder)
    wanted = loaded.predict(*feature_tensors(table(), loaded.manifest.signature))
    assert got["row"].to_list() == list(range(100))
    if wanted.labels is None or wanted.probabilities is None:
        assert wanted.values is not None
        assert got["prediction"].to_list() == wanted.values.tolist()
    else:
        assert got["label"].to_list() == wanted.labels
        assert got.columns[2:] == [f"probability_{c}" for c in loaded.manifest.classes or ()]
        assert np.array_equal(got[:, 2:].to_numpy(), wanted.probabilities.astype(np.float32))
    assert scored.counts() == {"rows": 100, "refused": 0, "unseen": 25}
    assert scored.ignored == ("customer", "note")


def test_score_of_dates_and_truth_values_answers_what_the_bundle_does(tmp_path: Path) -> None:
    folder = dated_bundle(tmp_path)
    texts = {"age": ["30", "?", "44"], "city": ["Bern", "", "Lyon"], "member": ["YES", "0", ""]}
    rows = pl.DataFrame({**texts, "joined": ["1.2.2020", "1580515200", ""]})
    target = tmp_path / "answers.parquet"
    score(folder, write(tmp_path, rows, ".csv"), target)
    typed = pl.DataFrame(
        {"age": [30.0, None, 44.0], "city": ["Bern", None, "Lyon"], "member": ["true", "false", ""]}
    ).with_columns(joined=pl.Series(["1.2.2020", "1.2.2020", None]))
    wanted = bundle.load(folder).predict(*feature_tensors(typed, dated_signature()))
    assert wanted.probabilities is not None
    got = pl.read_parquet(target)
    assert got["label"].to_list() == wanted.labels
    assert np.array_equal(got[:, 2:].to_numpy(), wanted.probabilities.astype(np.float32))


def test_score_twice_writes_the_same_bytes(fitted: dict[str, Fitted], tmp_path: Path) -> None:
    source = write(tmp_path, table(), ".csv")
    for suffix in (".csv", ".parquet"):
        first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
        score(fitted["binary"].folder, source, first)
        score(fitted["binary"].folder, source, second)
        assert first.read_bytes() == second.read_bytes()


def test_score_of_many_batches_keeps_every_row_in_order(
    fitted: dict[str, Fitted], tmp_path: Path
) -> None:
    rows = table(70_000)
    got = []
    for suffix in (".csv", ".parquet"):
        target = tmp_path / f"answers{suffix}"
        seen: list[tuple[int, float]] = []
        score(
            fitted["multiclass"].folder,
            write(tmp_path, rows, suffix),
            target,
            progress=lambda count, share: seen.append((count, share)),  # noqa: B023
        )
        assert seen[-1] == (70_000, 1.0)
        assert seen == sorted(seen)
        assert len(seen) > 2
        got.append(answers(target))
    assert got[1]["row"].to_list() == list(range(70_000))
    assert got[0]["label"].equals(got[1]["label"])


@pytest.mark.parametrize(
    ("spec", "key"),
    [
        ({"id": "customer"}, "customer"),
        ({"id": "customer", "columns": {"customer": {"privacy": None}}}, "customer"),
        ({"id": "customer", "columns": {"customer": {"privacy": "hash"}}}, "row"),
        ({"id": "gone"}, "row"),
        ({}, "row"),
    ],
)
def test_score_knows_answers_by_the_id_unless_it_is_private(
    fitted: dict[str, Fitted], tmp_path: Path, spec: dict[str, Any], key: str
) -> None:
    folder = reseal(fitted["binary"], tmp_path / "bundle", spec=spec)
    for suffix in (".csv", ".parquet"):
        target = tmp_path / f"answers{suffix}"
        assert score(folder, write(tmp_path, table(), suffix), target).key == key
        got = answers(target)
        assert got.columns == [key, "label", "probability_No", "probability_Yes"]
        assert key == "row" or got[key].to_list() == table()["customer"].to_list()


def broken(suffix: str) -> pl.DataFrame:
    rows = table().with_columns(
        plan=pl.when(pl.int_range(100).is_in([3, 50])).then(None).otherwise("plan")
    )
    if suffix == ".csv":
        rows = rows.with_columns(pl.col("age").cast(pl.String))
        rows[10, "age"] = "SECRET"
    return rows


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_score_of_rows_that_break_the_signature_refuses_with_every_reason(
    fitted: dict[str, Fitted], tmp_path: Path, suffix: str
) -> None:
    source, target = write(tmp_path, broken(suffix), suffix), tmp_path / "answers.csv"
    with pytest.raises(DataError) as caught:
        score(fitted["binary"].folder, source, target)
    said = str(caught.value)
    assert f"{3 if suffix == '.csv' else 2} of 100 rows break the model's signature" in said
    assert "field 'plan': null in 2 rows (3, 50, counting from 0), expected text" in said
    assert ("field 'age': type in 1 row (10, counting from 0), expected a number" in said) == (
        suffix == ".csv"
    )
    assert "SECRET" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == [source.name]


def test_score_that_refuses_keeps_the_answers_that_were_there(
    fitted: dict[str, Fitted], tmp_path: Path
) -> None:
    source, target = write(tmp_path, broken(".csv"), ".csv"), tmp_path / "answers.csv"
    target.write_text("before")
    with pytest.raises(DataError, match="break the model's signature"):
        score(fitted["binary"].folder, source, target)
    assert target.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.csv", "rows.csv"]


def test_score_of_columns_twice_among_very_many_names_them(
    fitted: dict[str, Fitted], tmp_path: Path
) -> None:
    """Fifty thousand columns were compared with each other: 60 seconds were not enough."""
    source = tmp_path / "rows.csv"
    names = ["age", "income", "city", "plan", *(f"c{at}" for at in range(50_000)), "age", "c1"]
    source.write_text(",".join(names) + "\n" + ",".join(["1"] * len(names)) + "\n")
    with pytest.raises(DataError, match="has columns twice: 'age'; rename one of each"):
        score(fitted["binary"].folder, source, tmp_path / "answers.csv")


def test_score_with_errors_null_answers_the_others(
    fitted: dict[str, Fitted], tmp_path: Path
) -> None:
    rows, good = broken(".csv"), [i for i in range(100) if i not in (3, 10, 50)]
    source = write(tmp_path, rows, ".csv")
    for task in TASKS:
        target = tmp_path / f"{task}.parquet"
        scored = score(fitted[task].folder, source, target, errors="null")
        assert (scored.tally.rows, scored.tally.refused) == (100, 3)
        got = pl.read_parquet(target)
        assert got.select(pl.all().null_count()).row(0)[1:] == (3,) * (got.width - 1)
        loaded = bundle.load(fitted[task].folder)
        kept = rows[good].with_columns(pl.col("age").cast(pl.Float64))
        wanted = loaded.predict(*feature_tensors(kept, loaded.manifest.signature))
        given = wanted.values.tolist() if wanted.values is not None else wanted.labels
        assert got[good][:, 1].to_list() == given


def test_score_where_no_row_is_good_leaves_all_answers_empty(
    fitted: dict[str, Fitted], tmp_path: Path
) -> None:
    rows = table().with_columns(age=pl.lit(None, dtype=pl.Float64))
    target = tmp_path / "answers.parquet"
    score(fitted["binary"].folder, write(tmp_path, rows, ".parquet"), target, errors="null")
    assert pl.read_parquet(target)["label"].null_count() == 100


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_score_of_table_that_lacks_inputs_names_all(
    fitted: dict[str, Fitted], tmp_path: Path, suffix: str
) -> None:
    rows = table().drop("plan").rename({"income": "incomes"})
    said = r"lacks 2 of the model's 4 inputs: 'income' \(did you mean 'incomes'\?\); 'plan'$"
    with pytest.raises(DataError, match=said):
        score(fitted["binary"].folder, write(tmp_path, rows, suffix), tmp_path / "answers.csv")


def test_score_of_table_without_header_shows_no_value(
    fitted: dict[str, Fitted], tmp_path: Path
) -> None:
    source = tmp_path / "rows.csv"
    table().write_csv(source, include_header=False)
    with pytest.raises(DataError, match="is the header missing") as caught:
        score(fitted["binary"].folder, source, tmp_path / "answers.csv")
    assert "example.org" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_score_of_table_without_rows_is_refused(
    fitted: dict[str, Fitted], tmp_path: Path, suffix: str
) -> None:
    source = write(tmp_path, table(0), suffix)
    with pytest.raises(DataError, match="has columns and no rows"):
        score(fitted["binary"].folder, source, tmp_path / "answers.csv")
    assert list(tmp_path.iterdir()) == [source]


def test_score_onto_its_input_is_refused_and_keeps_it(
    fitted: dict[str, Fitted], tmp_path: Path
) -> None:
    source = write(tmp_path, table(), ".csv")
    target = tmp_path / "link.csv"
    target.symlink_to(source)
    for place in (source, target):
        with pytest.raises(SpecError, match="is the input itself"):
            score(fitted["binary"].folder, source, place)
    assert pl.read_csv(source).height == 100


def test_score_to_unknown_format_is_refused(fitted: dict[str, Fitted], tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"expected a name that ends in \.csv or \.parquet"):
        score(fitted["binary"].folder, write(tmp_path, table(), ".csv"), tmp_path / "a.xlsx")


def test_score_by_damaged_bundle_is_refused(fitted: dict[str, Fitted], tmp_path: Path) -> None:
    folder = reseal(fitted["binary"], tmp_path / "bundle")
    (folder / "card.md").write_text("other")
    with pytest.raises(BundleError, match=r"altered: card\.md"):
        score(folder, write(tmp_path, table(), ".csv"), tmp_path / "answers.csv")


def test_score_addresses_of_files_writes_parquet(fitted: dict[str, Fitted], tmp_path: Path) -> None:
    source = write(tmp_path, table(), ".csv")
    folder = tmp_path / "out" / "predictions"
    score_addresses(fitted["binary"].folder.as_uri(), source.as_uri(), folder, errors="refuse")
    assert pl.read_parquet(folder / PREDICTIONS).height == 100
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("source", "errors", "said"),
    [
        ("rows.csv", "ignore", "errors is 'ignore': expected 'refuse' or 'null'"),
        ("ftp://host/rows.csv", "null", "an address of kind 'ftp' cannot be read"),
    ],
)
def test_score_addresses_of_wrong_call_says_what_was_expected(
    fitted: dict[str, Fitted], tmp_path: Path, source: str, errors: str, said: str
) -> None:
    with pytest.raises((SpecError, DataError), match=said):
        score_addresses(str(fitted["binary"].folder), source, tmp_path / "out", errors=errors)
