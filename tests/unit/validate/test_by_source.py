import json
from pathlib import Path

import polars as pl

from components.contract import ROWS, Lineage
from components.origins import Origin, write_origins
from components.spec import parse
from components.validate.validation import Checked, validate_table


def checked(
    folder: Path, sources: list[Origin], checks: dict[str, object] | None = None
) -> Checked:
    """Validates 40 rows whose x is no number in rows 3 and 25."""
    x = ["?!" if i in (3, 25) else str(i * 7 % 40) for i in range(40)]
    (folder / "in").mkdir()
    pl.DataFrame({"x": x, "y": ["n", "p"] * 20}).write_parquet(folder / "in" / ROWS)
    write_origins(folder / "in", sources)
    document = {"name": "m", "task": "binary", "source": "a.csv", "target": "y"}
    columns = {"x": {"type": "number"}}
    spec = parse(json.dumps({**document, "columns": columns, "checks": checks or {}}))
    lineage = Lineage(run_id="r", rows=40, columns=2, fingerprint="sha256:0")
    return validate_table(spec, lineage, folder / "in", folder / "out")


def test_validate_failure_of_several_sources_names_file_and_row(tmp_path: Path) -> None:
    found = checked(tmp_path, [Origin(name="a.csv", rows=20), Origin(name="b.csv", rows=20)])
    assert (
        "column 'x': not_a_number in 2 rows (a.csv, row 3; b.csv, row 5, counting from 0); expected"
        in str(found.failures[0])
    )
    assert found.failures[0].places == (3, 25)


def test_validate_failure_of_one_source_names_it(tmp_path: Path) -> None:
    found = checked(tmp_path, [Origin(name="a.csv", rows=40)])
    assert "not_a_number in 2 rows (a.csv, rows 3, 25, counting from 0)" in str(found.failures[0])


def test_validate_source_without_rows_is_a_warning(tmp_path: Path) -> None:
    found = checked(tmp_path, [Origin(name="a.csv", rows=40), Origin(name="b.csv", rows=0)])
    (warning,) = (failure for failure in found.failures if failure.code == "empty_source")
    assert warning not in found.refused
    assert "rows in every source; 'b.csv' has a header and none" in str(warning)


def test_validate_source_without_rows_refuses_where_the_spec_says_so(tmp_path: Path) -> None:
    sources = [Origin(name="a.csv", rows=40), Origin(name="b.csv", rows=0)]
    found = checked(tmp_path, sources, {"severity": {"empty_source": "refuse"}})
    assert "empty_source" in [failure.code for failure in found.refused]
