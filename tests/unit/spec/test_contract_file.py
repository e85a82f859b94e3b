from pathlib import Path

import pytest

from components.spec import SpecProblemsError, from_json, load

SPEC = "name: churn\ntask: binary\nsource: a.csv\ntarget: Churn\ncontract: churn.contract.yaml\n"
CONTRACT = """format: 1
columns:
  tenure: {type: number, min: 0, max: 72, nullable: false}
  gender: {type: category, values: [Male, Female]}
"""


def written(folder: Path, contract: str, extra: str = "") -> Path:
    (folder / "churn.contract.yaml").write_text(contract)
    path = folder / "spec.yaml"
    path.write_text(SPEC + extra)
    return path


def test_load_merges_the_contract_and_the_spec_wins_key_by_key(tmp_path: Path) -> None:
    spec = load(written(tmp_path, CONTRACT, "columns: {tenure: {max: 100}, city: {unique: true}}"))
    assert (spec.columns["tenure"].min, spec.columns["tenure"].max) == (0, 100)
    assert spec.columns["tenure"].nullable is False
    assert spec.columns["gender"].values == ["Male", "Female"]
    assert spec.columns["city"].unique


def test_load_with_a_contract_travels_whole_as_one_document(tmp_path: Path) -> None:
    spec = load(written(tmp_path, CONTRACT))
    (tmp_path / "churn.contract.yaml").unlink()
    assert from_json(spec.to_json()) == spec


def test_digest_counts_the_contracts_content_and_not_its_place(tmp_path: Path) -> None:
    spec = load(written(tmp_path, CONTRACT))
    moved = spec.model_copy(update={"contract": "elsewhere.yaml"})
    other = load(written(tmp_path, CONTRACT.replace("72", "73")))
    assert spec.digest() == moved.digest()
    assert spec.digest() != other.digest()


@pytest.mark.parametrize(
    ("contract", "line"),
    [
        ("format: 2\ncolumns: {}", "contract, format: got 2, expected 1; use a newer Kubeloop"),
        ("columns: [a]", "contract, columns: got ['a'], expected columns by name"),
        ("- a", "contract, the document: got ['a'], expected a contract, with the key 'columns'"),
        ("columns: {}\nrows: 3", "contract, rows: got 3, expected a key: one of 'format', 'col"),
        ("columns: {a: {typ: number}}", "columns.a.typ: got 'number', expected a key of columns."),
        ("columns: {a: {min: 2, max: 1}}", "columns.a.min: got 2.0, expected at most max, 1.0"),
        ("columns: {a: {}, a: {}}", "contract, columns.a: got {}, expected the key once"),
        ("columns: {", "contract, line 2, column 1: got '', expected YAML"),
    ],
)
def test_load_with_a_wrong_contract_is_refused(tmp_path: Path, contract: str, line: str) -> None:
    with pytest.raises(SpecProblemsError) as caught:
        load(written(tmp_path, contract))
    assert line in str(caught.value)


def test_load_without_the_contracts_file_says_how_to_write_one(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC)
    with pytest.raises(SpecProblemsError, match="does not exist.*`kubeloop contract SPEC` writes"):
        load(path)
