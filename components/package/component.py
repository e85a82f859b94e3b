"""The KFP face of package."""

from kfp.dsl import Artifact, Dataset, Input, Markdown, Model, Output

from components.stage import stage


@stage()
def package(
    spec: str,
    best: Input[Model],
    examples: Input[Dataset],
    validation: Input[Dataset],
    evaluation: Input[Artifact],
    statistics: Input[Artifact],
    bundle: Output[Model],
    card: Output[Markdown],
) -> None:
    """Writes the model bundle and shows its card."""
    from pathlib import Path

    from components.execution import recorded
    from components.package.packaging import Ingredients, package_model
    from components.spec import from_json

    with recorded(bundle) as folder:
        inputs = (best, examples, validation, evaluation, statistics)
        made_of = Ingredients(*(Path(artifact.path) for artifact in inputs))
        manifest = package_model(from_json(spec), made_of, folder)
        bundle.metadata.update(runtime=manifest.runtime, name=manifest.name)
        Path(card.path).write_text((folder / "card.md").read_text(encoding="utf-8"), "utf-8")
