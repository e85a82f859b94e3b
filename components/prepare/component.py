"""The KFP face of prepare."""

from kfp.dsl import Dataset, Input, Output

from components.stage import stage


@stage()
def prepare(
    spec: str,
    data: Input[Dataset],
    train: Output[Dataset],
    validation: Output[Dataset],
    test: Output[Dataset],
) -> None:
    """Splits the rows into train, validation and test, and fixes the model's signature."""
    from pathlib import Path

    from components.execution import recorded
    from components.prepare.preparation import prepare_examples
    from components.spec import from_json

    with recorded(train) as folder:
        folders = (folder, Path(validation.path), Path(test.path))
        counts = prepare_examples(from_json(spec), Path(data.path), folders)
        for part, rows in zip((train, validation, test), counts, strict=True):
            part.metadata["rows"] = rows
