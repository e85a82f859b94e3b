"""The KFP face of train."""

from kfp.dsl import Dataset, Input, Model, Output

from components.stage import stage


@stage()
def train(
    spec: str,
    candidate: str,
    examples: Input[Dataset],
    validation: Input[Dataset],
    cpu: str,
    memory: str,
    model: Output[Model],
) -> None:
    """Searches and fits one candidate, on as many threads as the task has CPU."""
    from pathlib import Path

    from components.candidate import write_candidate
    from components.examples import read_examples
    from components.execution import recorded
    from components.spec import from_json
    from components.train.resources import whole_cpus
    from components.train.search import search

    with recorded(model) as folder:
        parts = (read_examples(Path(examples.path)), read_examples(Path(validation.path)))
        pipeline, record = search(candidate, from_json(spec), parts, threads=whole_cpus(cpu))
        write_candidate(folder, pipeline, record)
        model.metadata.update(candidate=candidate, score=record.score, cpu=cpu, memory=memory)
