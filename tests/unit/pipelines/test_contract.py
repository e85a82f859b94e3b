from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from components.spec import load
from pipelines.check import check_data
from pipelines.contract import run_contract
from pipelines.local.result import Exit

N = 80


def project(folder: Path, extra: str = "") -> Path:
    """A spec beside a table with one column of every kind."""
    write(folder)
    path = folder / "spec.yaml"
    head = "name: m\ntask: binary\nsource: rows.csv\ntarget: left\nid: visit_id\n"
    path.write_text(head + "columns: {mail: {privacy: hash}}\n" + extra, encoding="utf-8")
    return path


def write(folder: Path, **columns: list[Any]) -> None:
    plain = {
        "visit_id": [f"v{i}" for i in range(N)],
        "mail": [f"secret{i}@example.org" for i in range(N)],
        "age": [str(20 + i * 37 % 50) if i % 9 else "" for i in range(N)],
        "plan": [("gold", "it's: #1", "none")[i % 3] for i in range(N)],
        "paid": [("yes", "no")[i * 7 % 5 % 2] for i in range(N)],
        "seen": [f"{1 + i % 28:02d}.03.2024" for i in range(N)],
        "left": ["no", "yes"] * (N // 2),
    }
    pl.DataFrame(plain | columns).write_csv(folder / "rows.csv")


def test_contract_written_keeps_the_same_data(tmp_path: Path) -> None:
    path = project(tmp_path)
    assert run_contract(path, None, update=False) == Exit.DONE
    file = tmp_path / "spec.contract.yaml"
    text = file.read_text(encoding="utf-8")
    assert "secret" not in text
    columns = yaml.safe_load(text)["columns"]
    assert columns["mail"] == {"privacy": "hash"}
    assert columns["visit_id"]["unique"] is True
    assert (columns["age"]["min"], columns["age"]["max"]) == (20, 69)
    assert (columns["age"]["nullable"], columns["seen"]["nullable"]) == (True, False)
    assert columns["plan"]["values"] == ["gold", "it's: #1", "none"]
    assert columns["paid"] == {"type": "boolean", "nullable": False, "values": [False, True]}
    assert columns["seen"]["formats"] == ["%d.%m.%Y"]
    assert run_contract(path, None, update=False) == Exit.DONE
    path.write_text(path.read_text() + "contract: spec.contract.yaml\n", encoding="utf-8")
    assert load(path).columns["age"].max == 69
    assert check_data(load(path)) == Exit.DONE
    assert file.read_text(encoding="utf-8") == text


def test_contract_of_values_that_are_not_looked_at_keeps_its_own_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project(tmp_path)
    path.write_text(path.read_text().replace("rows.csv", "rows.parquet"), encoding="utf-8")
    rows = pl.read_csv(tmp_path / "rows.csv").with_columns(
        pl.duration(seconds=pl.int_range(N)).alias("took"),
        pl.Series("blob", [b"\xff"] * N),
        # Nearly every text differs, so this is no feature either.
        pl.Series("note", [f"note {i}" for i in range(N)]),
    )
    rows.write_parquet(tmp_path / "rows.parquet")
    assert run_contract(path, None, update=False) == Exit.DONE
    columns = yaml.safe_load((tmp_path / "spec.contract.yaml").read_text())["columns"]
    assert [columns[name] for name in ("took", "blob", "note")] == [{}, {}, {}]
    capsys.readouterr()
    assert run_contract(path, None, update=False) == Exit.DONE
    assert "nullable" not in capsys.readouterr().out


def test_contract_update_of_the_same_data_changes_nothing(tmp_path: Path) -> None:
    path = project(tmp_path)
    run_contract(path, None, update=False)
    text = (tmp_path / "spec.contract.yaml").read_text(encoding="utf-8")
    assert run_contract(path, None, update=True) == Exit.DONE
    assert (tmp_path / "spec.contract.yaml").read_text(encoding="utf-8") == text


def test_contract_broken_names_every_difference_with_its_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project(tmp_path)
    run_contract(path, None, update=False)
    file = tmp_path / "spec.contract.yaml"
    before = file.read_text(encoding="utf-8")
    plan = ["new"] * 3 + ["gold", "none"] * ((N - 3) // 2) + ["gold"]
    changed = {
        "age": ["99", "old"] + ["30"] * (N - 2),
        "plan": plan,
        "extra": ["u", "v"] * (N // 2),
    }
    write(tmp_path, **changed)
    rows = pl.read_csv(tmp_path / "rows.csv").drop("paid")
    rows.write_csv(tmp_path / "rows.csv")
    capsys.readouterr()
    assert run_contract(path, None, update=False) == Exit.FAILED
    said = capsys.readouterr().out
    lines = {tuple(line.split()[:2]): line for line in said.splitlines()}
    assert "gone" in lines["paid", "yes"]
    assert "above_max" in lines["age", "1"] or "not_a_number" in lines["age", "1"]
    assert "above_max" in said
    assert "not_a_number" in said
    assert "unknown_value" in lines["plan", "3"]
    assert "unexpected_column" in lines["extra", str(N)]
    assert "1 of 3 values do not occur" in said
    assert file.read_text(encoding="utf-8") == before


def test_contract_of_data_that_breaks_its_spec_is_not_written(tmp_path: Path) -> None:
    path = project(tmp_path, "checks: {min_rows: 1000}\n")
    assert run_contract(path, None, update=False) == Exit.FAILED
    assert not (tmp_path / "spec.contract.yaml").exists()


def test_contract_output_is_compared_with_where_it_is(tmp_path: Path) -> None:
    path = project(tmp_path)
    file = tmp_path / "deep" / "c.yaml"
    assert run_contract(path, file, update=False) == Exit.DONE
    file.write_text(file.read_text().replace("max: 69", "max: 50"), encoding="utf-8")
    assert run_contract(path, file, update=False) == Exit.FAILED
    assert run_contract(path, file, update=True) == Exit.DONE
    assert run_contract(path, file, update=False) == Exit.DONE
