"""The judgement of a run: what `evaluate` writes, and `package` and the engine read.

Whether a model was refused is read from here, never from a run's status: a skipped branch leaves
the run successful.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

from components.bundle import Interval
from components.signature import Frozen, Label

JUDGEMENT = "evaluation.json"

# JSON knows no NaN: pydantic writes an undefined figure as null, and this reads it back.
Figure = Annotated[float, BeforeValidator(lambda value: float("nan") if value is None else value)]


class Decision(StrEnum):
    """What becomes of the challenger."""

    APPROVED = "approved"
    REFUSED = "refused"
    KEPT = "kept"


class Score(Frozen):
    """One candidate's result of the search on the validation rows."""

    name: str
    params: dict[str, bool | int | float | str | None]
    score: float


class Gate(Frozen):
    """One condition for promotion.

    Attributes:
        name: the metric, or `champion`.
        value: what was reached; for `champion` the gain over it, positive where better; NaN
            where the metric is undefined on the hold-out.
        threshold: what had to be reached.
        passed: whether it was.
        expected: the condition in words.
    """

    name: str
    value: Figure
    threshold: float
    passed: bool
    expected: str


class ChampionScore(Frozen):
    """The champion beside the challenger on the same hold-out rows, by `search.metric`."""

    version: int
    metric: str
    champion: Figure
    challenger: Figure


class Evaluation(Frozen):
    """Everything that was decided about a run's candidates.

    Attributes:
        decision: what becomes of the best candidate.
        best: its name.
        metric: what the candidates were ranked by.
        candidates: all of them, best first.
        metrics: hold-out metrics of the best, each with its 95 % interval, by part and name;
            one that is undefined there, as r2 of a single row, is left out.
        gates: every gate, passed or not.
        champion: the comparison, where there is a champion.
        confusion: counts (actual, predicted) over `classes`; None for regression.
        classes: None for regression.
    """

    decision: Decision
    best: str
    metric: str
    candidates: tuple[Score, ...]
    metrics: dict[str, dict[str, Interval]]
    gates: tuple[Gate, ...]
    champion: ChampionScore | None
    confusion: tuple[tuple[int, ...], ...] | None
    classes: tuple[Label, ...] | None

    def write(self, folder: Path) -> None:
        """Writes `evaluation.json` into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / JUDGEMENT).write_text(self.model_dump_json(indent=1), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Evaluation":
        """Reads `evaluation.json` from a folder."""
        return cls.model_validate_json((folder / JUDGEMENT).read_text(encoding="utf-8"))
