"""The KFP face of score."""

from kfp.dsl import Dataset, Output

from components.stage import stage


@stage()
def score(bundle: str, source: str, errors: str, predictions: Output[Dataset]) -> None:
    """Answers every row of a table by a model bundle."""
    from components.execution import recorded
    from components.score.batch import score_addresses

    with recorded(predictions) as folder:
        scored = score_addresses(bundle, source, folder, errors=errors)
        predictions.metadata.update(scored.counts())
