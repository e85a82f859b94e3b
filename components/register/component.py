"""The KFP faces of the registry: champion, register and crown."""

from kfp.dsl import Artifact, Input, Model, Output

from components.stage import stage


@stage()
def champion(spec: str, registry: str, current: Output[Artifact]) -> None:
    """Fetches the version that is served now, so that the challenger can be held against it."""
    from components.execution import recorded
    from components.register.registry import Registry
    from components.spec import from_json

    with recorded(current) as folder:
        found = Registry(registry).fetch_champion(from_json(spec).name, folder)
        current.metadata["version"] = found.version or 0


@stage()
def register(registry: str, bundle: Input[Model], registered: Output[Artifact]) -> int:
    """Gives the bundle its version and keeps lineage and metrics beside it."""
    from pathlib import Path

    from components.bundle import read
    from components.execution import recorded
    from components.register.registry import Registry

    with recorded(registered) as path:
        version = Registry(registry).register(read(Path(bundle.path)), bundle.uri)
        path.write_text(str(version), encoding="utf-8")
        registered.metadata["version"] = version
    return version


@stage()
def crown(registry: str, deployed: Input[Artifact], crowned: Output[Artifact]) -> None:
    """Makes the version that is served now the champion."""
    from pathlib import Path

    from components.execution import recorded
    from components.proof import Proof
    from components.register.registry import Registry

    with recorded(crowned) as path:
        proof = Proof.read(Path(deployed.path))
        Registry(registry).succeed(proof)
        path.write_text(str(proof.version), encoding="utf-8")
