"""Puts a run's result together from what its tasks left behind."""

import os
import shutil
from pathlib import Path

from components.evaluation import Decision, Evaluation
from components.fresh import Fresh
from pipelines.local.outputs import Outputs
from pipelines.local.result import (
    ChampionResult,
    DataResult,
    ErrorResult,
    GateResult,
    RequestsResult,
    Result,
    StageResult,
    Status,
)
from pipelines.local.run import Run
from pipelines.local.state import State

_STATUS = {
    Decision.APPROVED: Status.SUCCEEDED,
    Decision.KEPT: Status.KEPT,
    Decision.REFUSED: Status.REFUSED,
}


def build_result(run: Run, state: State, error: ErrorResult | None, *, seconds: float) -> Result:
    """Builds the result.

    Args:
        run: the run, its graph ended.
        state: says what is served.
        error: why it failed; None where it did not.
        seconds: of the whole run.

    Returns:
        The result. Whether the model was refused is read from the evaluation alone.
    """
    outputs, spec = run.outputs, run.spec
    evaluation = _evaluation(outputs)
    status = Status.FAILED if error or evaluation is None else _STATUS[evaluation.decision]
    champion = _champion(run, state, status)
    traffic = run.traffic
    return Result(
        run_id=run.folder.name,
        status=status,
        name=spec.name,
        version=champion.served if champion.outcome not in ("none", "stays") else None,
        task=spec.task,
        data=_data(outputs),
        candidates=list(evaluation.candidates) if evaluation else [],
        metrics=evaluation.metrics if evaluation else {},
        gates=_gates(evaluation),
        champion=champion,
        bundle=_bundle(run, state, status),
        report=_named(run.folder / "report.html", outputs.path("validate", "report")),
        card=_named(run.folder / "card.md", outputs.path("package", "card")),
        endpoint=(
            f"{run.services.serving}/v1/models/{spec.name}:predict" if champion.served else None
        ),
        requests=(
            RequestsResult(sent=traffic.sent, failed=traffic.failed)
            if traffic
            else RequestsResult()
        ),
        served_metrics=traffic.served if traffic else {},
        stages=_stages(run),
        seconds=round(seconds, 2),
        error=error,
    )


def unless_crowned(outputs: Outputs) -> ErrorResult | None:
    """Finds out why a graph that ended well left no decision, or an approved model uncrowned.

    A branch that was skipped leaves the graph successful: only its last task shows that it ran.
    """
    evaluation = _evaluation(outputs)
    if evaluation is None:
        return ErrorResult(stage="evaluate", message="the graph ended without an evaluation")
    if evaluation.decision is not Decision.APPROVED or outputs.finished("crown"):
        return None
    return ErrorResult(stage="crown", message="the model was approved, but its branch did not run")


def _data(outputs: Outputs) -> DataResult | None:
    facts, folder = outputs.metadata("ingest", "data"), outputs.path("ingest", "data")
    if not facts or folder is None:
        return None
    known = {name: facts[name] for name in ("rows", "columns", "fingerprint")}
    return DataResult(**known, fresh=Fresh.read(folder))


def _evaluation(outputs: Outputs) -> Evaluation | None:
    judged = outputs.path("evaluate", "evaluation")
    return Evaluation.read(judged) if judged and outputs.finished("evaluate") else None


def _champion(run: Run, state: State, status: Status) -> ChampionResult:
    serving = state.serving(run.spec.name)
    served = int(serving["version"]) if serving else None
    before = _version_before(run)
    if status is Status.KEPT:
        outcome = "kept"
    elif served is None:
        outcome = "none"
    elif served == before or serving == run.before:
        outcome = "stays"
    else:
        outcome = "replaced" if before else "crowned first"
    return ChampionResult(version=before, outcome=outcome, served=served)


def _version_before(run: Run) -> int | None:
    """The champion when the run began; what was served then, if it ended before it asked."""
    if run.outputs.finished("champion"):
        return int(run.outputs.metadata("champion", "current").get("version", 0)) or None
    return int(run.before["version"]) if run.before else None


def _bundle(run: Run, state: State, status: Status) -> str | None:
    """Links the bundle that this run made; where it kept the champion, the champion's."""
    serving = state.serving(run.spec.name)
    bundle = run.outputs.path("package", "bundle")
    if serving and status is Status.KEPT:
        bundle = Path(serving["path"])
    if bundle is None:
        return None
    link = run.folder / "bundle"
    # Relative, so that a state folder may be moved.
    link.symlink_to(os.path.relpath(bundle, run.folder))
    return str(link)


def _gates(evaluation: Evaluation | None) -> list[GateResult]:
    return [
        GateResult(name=g.name, value=g.value, threshold=g.threshold, passed=g.passed)
        for g in (evaluation.gates if evaluation else ())
    ]


def _stages(run: Run) -> dict[str, StageResult]:
    stages = {}
    for name, timed in run.progress.stages.items():
        logic = run.outputs.logic(name)
        stages[name] = StageResult(
            seconds=round(timed.seconds, 3),
            logic_seconds=round(logic.seconds, 3) if logic else None,
            peak_bytes=logic.peak_bytes if logic else None,
        )
    return stages


def _named(copy: Path, artifact: Path | None) -> str | None:
    """Copies an artifact under a name by which a browser knows what it is; a link keeps none."""
    if artifact is None:
        return None
    shutil.copyfile(artifact, copy)
    return str(copy)
