"""A trained candidate: what `train` writes and `evaluate` and `package` read.

One folder with the fitted pipeline as a skops file, loaded with a fixed list of types, and the
record of its search as JSON.
"""

from pathlib import Path
from typing import Any

from components.runners import TRUSTED_TYPES
from components.signature import Frozen

PIPELINE = "pipeline.skops"
RECORD = "candidate.json"


class Candidate(Frozen):
    """The record of one candidate's search.

    Attributes:
        name: as in the spec's `candidates`.
        params: the best hyperparameters.
        metric: what was searched by.
        score: the best value of it on the validation rows.
        trials: how many sets of hyperparameters were tried.
        trained_at: when the fit ended; UTC, ISO 8601.
    """

    name: str
    params: dict[str, bool | int | float | str | None]
    metric: str
    score: float
    trials: int
    trained_at: str


def write_candidate(folder: Path, pipeline: Any, candidate: Candidate) -> None:
    """Writes a fitted pipeline and its record into a folder."""
    from skops import io

    folder.mkdir(parents=True, exist_ok=True)
    io.dump(pipeline, folder / PIPELINE)
    (folder / RECORD).write_text(candidate.model_dump_json(indent=1), encoding="utf-8")


def read_candidate(folder: Path) -> Candidate:
    """Reads a candidate's record."""
    return Candidate.model_validate_json((folder / RECORD).read_text(encoding="utf-8"))


def load_pipeline(folder: Path) -> Any:
    """Loads a candidate's fitted pipeline; a type outside `TRUSTED_TYPES` is refused by skops."""
    from skops import io

    return io.load(folder / PIPELINE, trusted=list(TRUSTED_TYPES))
