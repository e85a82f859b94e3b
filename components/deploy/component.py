"""The KFP face of deploy."""

from kfp.dsl import Artifact, Input, Model, Output

from components.stage import stage


@stage()
def deploy(
    spec: str,
    bundle: Input[Model],
    version: int,
    serving: str,
    monitor: str,
    current: Input[Artifact],
    deployed: Output[Artifact],
) -> None:
    """Moves traffic to the version after it has proved itself."""
    from pathlib import Path

    from components.champion import Champion
    from components.deploy.rollout import roll_out
    from components.execution import recorded
    from components.spec import from_json
    from components.termination import terminable

    with recorded(deployed) as path, terminable():
        folder, compared = Path(bundle.path), Champion.read(Path(current.path))
        proof = roll_out(
            from_json(spec), folder, version, serving, monitor, uri=bundle.uri, compared=compared
        )
        proof.write(path)
        deployed.metadata.update(endpoint=proof.endpoint)
