import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from components.contract import ROWS, ColumnContract, ColumnType, Contract, Lineage, Role
from components.errors import DataError
from components.examples import read_examples
from components.prepare.features import build_signature
from components.prepare.preparation import prepare_examples
from components.spec import parse

N = 300
LINEAGE = Lineage(run_id="r", rows=N, columns=3, fingerprint="sha256:0")
NUMBER, CATEGORY = ColumnType.NUMBER, ColumnType.CATEGORY


def prepared(
    folder: Path, data: dict[str, Any], classes: tuple[Any, ...] | None = ("n", "p"), **split: Any
) -> tuple[int, int, int]:
    """Prepares features, named `n…` for numbers, and the target y as validate writes them."""
    columns = [
        ColumnContract(
            name=name,
            type=NUMBER if name.startswith("n") else CATEGORY,
            role=Role.IGNORED if name == "hidden" else Role.FEATURE,
        )
        for name in data
    ]
    columns.append(ColumnContract(name="y", type=CATEGORY, role=Role.TARGET))
    (folder / "in").mkdir(exist_ok=True)
    target = [i % len(classes) for i in range(N)] if classes else [float(i) for i in range(N)]
    pl.DataFrame({**data, "y": target}).write_parquet(folder / "in" / ROWS)
    contract = Contract(columns=tuple(columns), target="y", classes=classes, lineage=LINEAGE)
    contract.write(folder / "in")
    task = "binary" if classes else "regression"
    document = {"name": "m", "task": task, "source": "a.csv", "target": "y", "split": split}
    folders = (folder / "train", folder / "validation", folder / "test")
    return prepare_examples(parse(json.dumps(document)), folder / "in", folders)


def test_prepare_parts_are_disjoint_and_cover(tmp_path: Path) -> None:
    counts = prepared(tmp_path, {"n": [float(i) for i in range(N)], "c": ["u", "v"] * (N // 2)})
    read = [read_examples(tmp_path / part) for part in ("train", "validation", "test")]
    found = [set(part.numbers[:, 0].tolist()) for part in read]
    assert sum(counts) == N == sum(map(len, found))
    assert set.union(*found) == {float(i) for i in range(N)}
    assert [len(part) for part in read] == list(counts)
    for part in read:
        assert part.schema == read[0].schema
        assert part.target.tolist() == [int(number) % 2 for number in part.numbers[:, 0]]
        assert part.strings[:, 0].tolist() == ["uv"[int(n) % 2] for n in part.numbers[:, 0]]


def test_prepare_signature_holds_numbers_first_and_no_constant(tmp_path: Path) -> None:
    data = {
        "count": ["b", "a", None] * (N // 3),
        "n1": [1.0, 2.0] * (N // 2),
        "n2": [1.0] * N,
        "constant": ["z"] * N,
        "hidden": [str(i) for i in range(N)],
    }
    prepared(tmp_path, data)
    signature = read_examples(tmp_path / "test").schema.signature
    assert (signature.numbers, signature.strings) == (("n1",), ("count",))
    assert signature.inputs[1].categories == ("a", "b")
    assert signature.ignored == ("n2", "constant", "hidden", "y")
    assert [(o.name, o.dtype) for o in signature.outputs][0] == ("label", "string")


@pytest.mark.parametrize(
    ("classes", "dtype"),
    [((0, 1), "int64"), ((False, True), "bool"), (("a", "b"), "string"), (None, "float64")],
)
def test_prepare_label_has_the_classes_type(tmp_path: Path, classes: Any, dtype: str) -> None:
    prepared(tmp_path, {"n": [float(i) for i in range(N)]}, classes)
    assert read_examples(tmp_path / "train").schema.signature.outputs[0].dtype == dtype


def test_prepare_most_frequent_categories_are_listed_by_name_among_equals(tmp_path: Path) -> None:
    values = [f"k{i:04}" for i in range(1500)] + ["zz"] * 2
    frame = {"c": values}
    column = ColumnContract(name="c", type=CATEGORY, role=Role.FEATURE)
    contract = Contract(columns=(column,), target="y", classes=None, lineage=LINEAGE)
    listed = build_signature(contract, pl.LazyFrame(frame)).inputs[0].categories
    assert listed == (*values[:999], "zz")


def test_prepare_constant_features_alone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no feature is left: all 1 candidates are constant"):
        prepared(tmp_path, {"n": [1.0] * N, "hidden": [str(i) for i in range(N)]})


def test_prepare_part_without_a_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        prepared(tmp_path, {"c": ["u", "v"] * (N // 2)})
    assert "the split leaves too little to learn or judge from: " in str(error.value)
    assert "has no rows" in str(error.value)
    assert "Use more rows, larger split.test and split.validation" in str(error.value)
    assert not (tmp_path / "train" / ROWS).exists()
