"""The KFP face of evaluate."""

from typing import List  # noqa: UP035  kfp reads this spelling from the signature

from kfp.dsl import Artifact, ClassificationMetrics, Dataset, Input, Metrics, Model, Output

from components.stage import stage


@stage()
def evaluate(
    spec: str,
    models: Input[List[Model]],  # noqa: UP006
    test: Input[Dataset],
    champion: Input[Artifact],
    best: Output[Model],
    evaluation: Output[Artifact],
    metrics: Output[Metrics],
    curves: Output[ClassificationMetrics],
) -> bool:
    """Judges the candidates on the hold-out; true where the best one is to be promoted."""
    from pathlib import Path

    from components.evaluate.dashboard import draw
    from components.evaluate.judgement import judge
    from components.execution import recorded
    from components.spec import from_json

    with recorded(evaluation) as folder:
        folders = [Path(model.path) for model in models]
        verdict = judge(from_json(spec), folders, Path(test.path), Path(champion.path))
        verdict.evaluation.write(folder)
        verdict.copy_best(Path(best.path))
    draw(verdict, metrics, curves)
    return verdict.approved
