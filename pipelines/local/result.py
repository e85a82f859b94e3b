"""The result of a run: what `result.json` holds and the exit status that says it in one number."""

from enum import IntEnum, StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from components.bundle import Interval
from components.evaluation import Score
from components.fresh import Fresh


class Status(StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    KEPT = "kept"
    FAILED = "failed"
    REFUSED = "refused"


class Exit(IntEnum):
    """What the command's exit status says; 130 is the shell's word for Ctrl-C."""

    DONE = 0
    FAILED = 1
    WRONG_CALL = 2
    REFUSED = 3
    INTERRUPTED = 130


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DataResult(_Record):
    """What was read; `fresh` is None where all rows are the sources'."""

    rows: int
    columns: int
    fingerprint: str
    fresh: Fresh | None = None


class GateResult(_Record):
    """One gate; for `champion` the value is the gain over it."""

    name: str
    value: float
    threshold: float
    passed: bool


class StageResult(_Record):
    """Wall-clock seconds of a stage, and of the logic in it; the rest is process and imports."""

    seconds: float
    logic_seconds: float | None = None
    peak_bytes: int | None = None


class RequestsResult(_Record):
    """Requests of hold-out rows to the endpoint."""

    sent: int = 0
    failed: int = 0


class ChampionResult(_Record):
    """What became of the champion.

    Attributes:
        version: the champion when the run began; None where there was none.
        outcome: crowned first, replaced, kept (data, spec and code are its own), stays (the
            challenger did not get there), or none.
        served: the version that is served at the end; None for none.
    """

    version: int | None
    outcome: str
    served: int | None


class ErrorResult(_Record):
    """The stage that failed and the message that its code raised."""

    stage: str
    message: str
    type: str = ""
    log: str = ""


class Result(_Record):
    """Everything that a run came to. Paths are absolute; what a run did not reach is null."""

    format: int = 1
    run_id: str
    status: Status
    name: str
    version: int | None = None
    task: str
    data: DataResult | None = None
    candidates: list[Score] = []
    metrics: dict[str, dict[str, Interval]] = {}
    gates: list[GateResult] = []
    champion: ChampionResult | None = None
    bundle: str | None = None
    report: str | None = None
    card: str | None = None
    endpoint: str | None = None
    requests: RequestsResult = RequestsResult()
    served_metrics: dict[str, float] = {}
    stages: dict[str, StageResult] = {}
    seconds: float = 0.0
    error: ErrorResult | None = None

    @property
    def exit_status(self) -> Exit:
        """The command's exit status."""
        if self.status is Status.REFUSED:
            return Exit.REFUSED
        return Exit.FAILED if self.status is Status.FAILED else Exit.DONE

    def document(self) -> dict[str, Any]:
        """Returns the result as plain JSON values; an undefined figure (NaN) is null."""
        return self.model_dump(mode="json")
