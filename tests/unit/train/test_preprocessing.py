from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from components.errors import TrainingError
from components.examples import Examples
from components.runners import frame
from components.train.preprocessing import frequent_categories, preprocessor
from tests.tables import write_part


def column(values: list[str]) -> np.ndarray:
    found = np.empty((len(values), 1), dtype=object)
    found[:, 0] = values
    return found


def test_frequent_categories_leaves_out_what_fewer_than_five_rows_have() -> None:
    assert frequent_categories(column(["a"] * 5 + ["b"] * 4 + [""] * 6)) == [["", "a"]]


def test_frequent_categories_needs_half_a_percent_of_many_rows() -> None:
    assert frequent_categories(column(["a"] * 1991 + ["b"] * 9)) == [["a"]]
    assert frequent_categories(column(["a"] * 1990 + ["b"] * 10)) == [["a", "b"]]


def test_frequent_categories_keeps_the_hundred_most_frequent() -> None:
    values = [f"c{i:03}" for i in range(120) for _ in range(5 + (i >= 20))]
    assert frequent_categories(column(values), least=1) == [[f"c{i:03}" for i in range(20, 120)]]


def test_frequent_categories_of_a_trailing_nul_stays_rare() -> None:
    assert frequent_categories(column(["tr\0"] * 5 + ["a\0b"] * 5)) == [["a\0b"]]


def test_frequent_categories_of_one_very_long_text_costs_no_more_than_the_text() -> None:
    # As a numpy array of text this would take 40 GB.
    assert frequent_categories(column(["x" * 1_000_000] + ["a"] * 10_000)) == [["a"]]


@given(st.lists(st.sampled_from(["", "a", "é", "e\u0301", "it's", "a\nb"]), min_size=1))
def test_frequent_categories_are_sorted_and_occur_often_enough(values: list[str]) -> None:
    (found,) = frequent_categories(column(values))
    assert found == sorted({v for v in values if values.count(v) >= 5})


def test_preprocessor_without_any_value_in_a_number_leaves_it_out(tmp_path: Path) -> None:
    rows = {"gone": [None] * 6, "x": [1.0, 2.0, 3.0, 4.0, 5.0, None]}
    examples = write_part(tmp_path, rows, {}, [0, 1] * 3, ("a", "b"))
    made = preprocessor(examples, scale=False, impute=True)
    result = made.fit_transform(frame(examples.numbers, examples.strings))
    assert result.tolist() == [[1.0], [2.0], [3.0], [4.0], [5.0], [3.0]]
    assert result.dtype == np.float32


def test_preprocessor_of_rare_categories_alone_keeps_them(tmp_path: Path) -> None:
    examples = write_part(tmp_path, {}, {"s": ["a", "b", "c", "a"]}, [0, 1, 0, 1], ("a", "b"))
    made = preprocessor(examples, scale=True, impute=True)
    assert made.fit_transform(frame(examples.numbers, examples.strings)).shape == (4, 3)


def test_preprocessor_without_any_value_is_refused_by_name(tmp_path: Path) -> None:
    examples = write_part(tmp_path, {"x": [None, None]}, {}, [0, 1], ("a", "b"))
    with pytest.raises(TrainingError, match="no feature has a value in the training rows: x"):
        preprocessor(examples, scale=True, impute=True)


RNG = np.random.default_rng(5)
MANY = [f"k{i:03}" for i in range(300)]


def many(folder: Path, task: str, rows: int = 3000, signal: float = 0.0) -> Examples:
    """A number that tells the target, and a text of 300 categories that tells it by `signal`."""
    code = RNG.integers(0, 300, rows)
    x = RNG.normal(size=rows)
    score = x + signal * (code % 7 - 3) + RNG.normal(size=rows)
    classes: tuple[str, ...] | None = None
    target: np.ndarray = score
    if task != "regression":
        cuts = [0.0] if task == "binary" else [-0.7, 0.7]
        classes = ("a", "b", "c")[: len(cuts) + 1]
        target = np.digitize(score, cuts)
    texts: list[str | None] = [MANY[c] for c in code]
    return write_part(folder, {"x": x}, {"s": texts}, target, classes)


def encoded(examples: Examples, **options: Any) -> tuple[ColumnTransformer, np.ndarray]:
    made = preprocessor(examples, scale=False, impute=True, **options)
    rows = made.fit_transform(frame(examples.numbers, examples.strings), examples.target)
    return made, rows


@pytest.mark.parametrize(("task", "width"), [("binary", 1), ("multiclass", 3), ("regression", 1)])
def test_preprocessor_of_many_categories_gives_means_out_of_fold(
    task: str, width: int, tmp_path: Path
) -> None:
    examples = many(tmp_path, task)
    made, rows = encoded(examples)
    assert rows.shape == (3000, 1 + width)
    assert rows.dtype == np.float32
    whole = made.transform(frame(examples.numbers, examples.strings))[:, 1:]
    target: np.ndarray = examples.target
    if task == "multiclass":
        target = np.eye(3)[examples.target]
    else:
        target = target.reshape(-1, 1).astype(float)
    # The mean of all rows of a category holds the row's own target, the training encoding must not.
    for column in range(width):
        inside = np.corrcoef(whole[:, column], target[:, column])[0, 1]
        outside = np.corrcoef(rows[:, 1 + column], target[:, column])[0, 1]
        assert inside > 0.2
        assert abs(outside) < 0.06
    # Of one category's rows those in one fold share an encoding, and the folds differ.
    first = rows[examples.strings[:, 0] == examples.strings[0, 0], 1:]
    assert 2 <= len(np.unique(first, axis=0)) <= 5


def test_preprocessor_of_pure_noise_in_many_categories_is_no_better_than_chance(
    tmp_path: Path,
) -> None:
    train, held = many(tmp_path / "a", "binary"), many(tmp_path / "b", "binary")
    made, rows = encoded(train)
    for model in (LogisticRegression(), HistGradientBoostingClassifier(random_state=0)):
        # The noise alone: the mean in the last column.
        model.fit(rows[:, 1:], train.target)
        later = made.transform(frame(held.numbers, held.strings))[:, 1:]
        score = roc_auc_score(held.target, model.predict_proba(later)[:, 1])
        assert score == pytest.approx(0.5, abs=0.05)
        fitted = roc_auc_score(train.target, model.predict_proba(rows[:, 1:])[:, 1])
        # Means of all rows would let even the linear model reach 0.66 on its own rows.
        assert isinstance(model, HistGradientBoostingClassifier) or fitted < 0.56


def test_preprocessor_of_telling_categories_uses_them(tmp_path: Path) -> None:
    train = many(tmp_path / "a", "binary", signal=1.0)
    held = many(tmp_path / "b", "binary", signal=1.0)
    made, rows = encoded(train)
    model = LogisticRegression().fit(rows[:, 1:], train.target)
    later = made.transform(frame(held.numbers, held.strings))[:, 1:]
    assert roc_auc_score(held.target, model.predict_proba(later)[:, 1]) > 0.8


def test_preprocessor_means_are_decided_by_the_seed(tmp_path: Path) -> None:
    examples = many(tmp_path, "binary")
    first, again, other = (encoded(examples, seed=seed)[1] for seed in (1, 1, 2))
    assert (first == again).all()
    assert not (first == other).all()


def test_preprocessor_answers_unseen_and_missing_categories_by_the_overall_mean(
    tmp_path: Path,
) -> None:
    examples = many(tmp_path, "binary")
    made, _ = encoded(examples)
    strings = np.array([["never seen"], [""], ["K000"]], dtype=object)
    found = made.transform(frame(np.zeros((3, 1), dtype=np.float32), strings))[:, 1]
    assert found == pytest.approx(examples.target.mean(), abs=1e-6)


def test_preprocessor_of_as_many_categories_as_allowed_gives_each_a_column(tmp_path: Path) -> None:
    texts: list[str | None] = [f"c{i % 20}" for i in range(200)] + [None]
    target = [0, 1] * 100 + [1]
    examples = write_part(tmp_path, {}, {"s": texts}, target, ("a", "b"))
    assert encoded(examples, encode_above=20)[1].shape == (201, 20)
    assert encoded(examples, encode_above=19)[1].shape == (201, 1)


def test_preprocessor_means_of_a_class_with_one_member_still_fit(tmp_path: Path) -> None:
    texts: list[str | None] = [f"c{i % 20}" for i in range(200)]
    target = [0, 1] * 99 + [0, 2]
    examples = write_part(tmp_path, {}, {"s": texts}, target, ("a", "b", "c"))
    assert encoded(examples, encode_above=5)[1].shape == (200, 3)


def test_preprocessor_clips_the_numbers_that_ask_for_it(tmp_path: Path) -> None:
    values = [float(i) for i in range(101)]
    rows = {"a": values, "gone": [None] * 101, "b": values}
    examples = write_part(tmp_path, rows, {}, [0, 1] * 50 + [0], ("n", "p"))
    found = encoded(examples, clips=[(0.1, 0.9), (0.1, 0.9), None])[1]
    assert (found.min(axis=0).tolist(), found.max(axis=0).tolist()) == ([10, 0], [90, 100])
