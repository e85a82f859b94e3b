"""The KFP face of validate."""

from kfp.dsl import HTML, Artifact, Dataset, Input, Output

from components.stage import stage


@stage()
def validate(
    spec: str,
    table: Input[Dataset],
    champion: Input[Artifact],
    data: Output[Dataset],
    report: Output[HTML],
    statistics: Output[Artifact],
) -> None:
    """Types the rows by the inferred contract and reports what breaks it."""
    from pathlib import Path

    from components.champion import BUNDLE
    from components.contract import Lineage
    from components.execution import recorded
    from components.spec import from_json
    from components.validate.validation import validate_table

    with recorded(data) as folder:
        lineage = Lineage.from_facts(table.metadata, Path(table.path))
        previous = Path(champion.path) / BUNDLE
        checked = validate_table(from_json(spec), lineage, Path(table.path), folder, previous)
        Path(report.path).write_text(checked.html, encoding="utf-8")
        Path(statistics.path).write_text(checked.statistics_json, encoding="utf-8")
        checked.raise_refused()
