"""A run of the training pipeline on Kubeflow: `kubeloop submit`.

The run lives on the cluster. Whoever waits for it here may stop waiting: nothing is taken back.
"""

import secrets
import shlex
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from components.evaluation import Decision, Evaluation
from components.spec import Spec, plan
from pipelines.kubeflow.client import Kubeflow
from pipelines.kubeflow.errors import KubeflowError
from pipelines.kubeflow.foreign_text import printable_line
from pipelines.kubeflow.log import last_words
from pipelines.kubeflow.place import Place
from pipelines.kubeflow.run import create_run, follow_run
from pipelines.kubeflow.stages import Shown, Stage
from pipelines.kubeflow.verdict import VerdictError, read_evaluation
from pipelines.kubeflow.waiting_pods import WaitingPods
from pipelines.local.progress import choose_display
from pipelines.local.result import Exit
from pipelines.screen import open_console
from pipelines.submission import Submission, check_submission, make_reachable, make_wish


def submit_run(spec: Spec, submission: Submission, *, wait: bool) -> Exit:
    """Starts a run, and waits for its end where that is asked.

    Args:
        spec: what is trained.
        submission: how.
        wait: whether to follow the run.

    Returns:
        The exit status: with `wait` by the run's end and by what `evaluate` decided.

    Raises:
        SpecError: sources lie where no pod can read them, or else what is asked for could not run.
        DataError: a source of this machine cannot be uploaded.
        KubeflowError: the run was not created, or cannot be followed any more.
        KeyboardInterrupt: nobody waits any more; the run goes on.
    """
    console = open_console()
    check_submission(spec, submission)
    kubeflow = Kubeflow(submission.place)
    reachable = make_reachable(kubeflow, spec, submission, console)
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{spec.name}-{secrets.token_hex(2)}"
    wish = make_wish(kubeflow, reachable, submission, name=name, run_id=name)
    run = create_run(kubeflow, wish)
    console.print(f"run {name} of {wish.pipeline.name}", markup=False)
    console.print(f"  {kubeflow.link(run)}", markup=False)
    if not wait:
        return Exit.DONE
    return _await(kubeflow, run, reachable, submission, console)


def _await(
    kubeflow: Kubeflow, run: str, spec: Spec, submission: Submission, console: Console
) -> Exit:
    display = choose_display(console)
    shown = Shown(display, expected={"train": len(plan(spec))})
    waiting = WaitingPods(display.say, kubeflow.namespace)

    def look(found: Any, now: datetime) -> None:
        shown.show(found, now)
        waiting.show(found, now)

    try:
        found = follow_run(kubeflow, run, look, display.say)
        stages = shown.show(found, datetime.now(UTC))
    except KeyboardInterrupt:
        display.stop()
        console.print(f"the run goes on; stop it: {_stopping(submission.place, run)}", markup=False)
        raise
    finally:
        display.stop()
    if found.state != "SUCCEEDED":
        _print_failure(kubeflow, found, stages, console)
        return Exit.FAILED
    return _conclude(kubeflow, found, stages, submission, console)


def _stopping(place: Place, run: str) -> str:
    """The command that ends a run, as it can be pasted; the token itself stays in its file."""
    words = ["curl", "--fail", "--request", "POST"]
    given = " ".join(shlex.quote(word) for word in words)
    if place.token_file:
        file = shlex.quote(str(place.token_file))
        given += f' --header "Authorization: Bearer $(cat {file})"'
    return f"{given} {shlex.quote(f'{place.host}/apis/v2beta1/runs/{run}:terminate')}"


def _print_failure(kubeflow: Kubeflow, run: Any, stages: list[Stage], console: Console) -> None:
    failed = next((stage for stage in stages if not stage.succeeded), None)
    where = f" in {failed.name}" if failed else ""
    console.print(f"{printable_line(run.state).lower()}{where}", style="red", markup=False)
    said = printable_line(run.error.message or "") if run.error else ""
    if said:
        console.print(f"  {said}", markup=False)
    for line in last_words(kubeflow, run, failed.name) if failed else ():
        console.print(f"  {line}", markup=False)
    console.print(f"  {kubeflow.link(run.run_id)}", markup=False)


def _conclude(
    kubeflow: Kubeflow, run: Any, stages: list[Stage], submission: Submission, console: Console
) -> Exit:
    """Says what came of a run that succeeded: by its evaluation, and by whether it was crowned."""
    crowned = any(s.name == "crown" and s.ended and s.succeeded for s in stages)
    try:
        evaluation = read_evaluation(kubeflow, run, submission.root)
    except VerdictError as exc:
        if crowned:
            console.print("succeeded: the new version is served", markup=False)
            where = kubeflow.link(run.run_id)
            said = "its gates cannot be read from here; they stand in evaluate's artifact"
            console.print(f"  {said} at {where}", markup=False)
            return Exit.DONE
        msg = (
            "the run succeeded, and no new version was put into service. Whether it was refused, "
            f"or the champion kept, cannot be read from here ({exc}), and stands in evaluate's "
            f"artifact at {kubeflow.link(run.run_id)}"
        )
        raise KubeflowError(msg) from exc
    console.print(_gates(evaluation))
    if evaluation.decision is Decision.APPROVED and not crowned:
        msg = f"the model was approved, but its branch did not run: {kubeflow.link(run.run_id)}"
        raise KubeflowError(msg)
    words = {
        Decision.APPROVED: f"succeeded: {evaluation.best} is served as the new version",
        Decision.KEPT: "kept: data, spec and code are the champion's own, which stays",
        Decision.REFUSED: "refused: the gates held it back; what was served is served still",
    }
    console.print(words[evaluation.decision])
    return Exit.REFUSED if evaluation.decision is Decision.REFUSED else Exit.DONE


def _gates(evaluation: Evaluation) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("gate", "value", "expected", ""):
        table.add_column(column, no_wrap=True, overflow="fold")
    for gate in evaluation.gates:
        table.add_row(gate.name, f"{gate.value:.4g}", gate.expected, "✓" if gate.passed else "✗")
    return table
