"""A registered version as the registry keeps it: place, lineage, and when it was crowned."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from components.bundle import Manifest

RUN_TAG = "kubeloop.run_id"
CROWNED_TAG = "kubeloop.crowned"


@dataclass(frozen=True)
class Version:
    """One registered version of a model.

    Attributes:
        number: assigned by the registry, from 1.
        bundle: where its bundle lies, a path or an address.
        champion: whether the alias is on it.
        tags: run id, time of training, fingerprint, revision, task and runtime; and when the alias
            was last put on it.
        created: milliseconds since 1970, UTC.
    """

    number: int
    bundle: str
    champion: bool
    tags: dict[str, str]
    created: int

    @property
    def was_champion(self) -> bool:
        """Whether the alias was ever on it; one that a deployment put back never had it."""
        return self.champion or CROWNED_TAG in self.tags

    @property
    def crowned(self) -> datetime | None:
        """When the alias was last put on it, UTC; None for never, or where that is not known."""
        try:
            return datetime.fromisoformat(self.tags[CROWNED_TAG]).astimezone(UTC)
        except (KeyError, ValueError):
            return None


def version_of(entry: Any, crowned: int | None) -> Version:
    """Reads MLflow's own version.

    Args:
        entry: an MLflow `ModelVersion`.
        crowned: the number that the alias is on; None for none.
    """
    number = int(entry.version)
    return Version(
        number=number,
        bundle=entry.source,
        champion=number == crowned,
        tags=dict(entry.tags),
        created=entry.creation_timestamp,
    )


def tags_of(manifest: Manifest) -> dict[str, str]:
    """What a version, and MLflow's run of it, keep of a bundle."""
    return {
        RUN_TAG: manifest.run_id,
        "kubeloop.trained_at": manifest.trained_at,
        "kubeloop.fingerprint": manifest.data.fingerprint,
        "kubeloop.revision": manifest.revision,
        "kubeloop.task": manifest.task,
        "kubeloop.runtime": manifest.runtime,
    }
