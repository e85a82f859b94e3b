"""Runs of the training pipeline by the clock: `kubeloop schedule`.

A schedule is a recurring run of KFP, named as the model. One run is under way at a time, and what
was missed while KFP or the schedule was off is not made up for: the newest data is what counts.
"""

from typing import Any, Final

from rich.table import Table
from rich.text import Text

from components.errors import StateError
from components.spec import Spec
from pipelines.compile import Pipeline
from pipelines.kubeflow.client import Kubeflow, named
from pipelines.kubeflow.errors import KubeflowError, MissingError, UnavailableError
from pipelines.kubeflow.pipeline import find_pipeline
from pipelines.kubeflow.place import Place
from pipelines.kubeflow.run import Wish, what_runs
from pipelines.screen import open_console
from pipelines.submission import Submission, make_reachable, make_wish

_ENABLED: Final = "ENABLED"


def create_schedule(spec: Spec, submission: Submission, cron: str) -> None:
    """Creates a model's schedule, or puts another in its place.

    Args:
        spec: what is trained each time, by its sources as they are then.
        submission: how.
        cron: as `read_cron` gives it.

    Raises:
        SpecProblemsError: sources lie where no pod can read them.
        KubeflowError: the schedule was not created; one that was there stays.
    """
    console = open_console()
    reachable = make_reachable(spec, submission, console)
    kubeflow = Kubeflow(submission.place)
    wish = make_wish(kubeflow, reachable, submission, name=spec.name, run_id="")
    before = _schedules(kubeflow, wish.pipeline.pipeline, spec.name)
    made = _create(kubeflow, wish, cron, known={s.recurring_run_id for s in before})
    # The old ones go when the new one is there: killed between, a model has two, never none.
    for schedule in before:
        _delete(kubeflow, schedule)
    replaced = ", in the place of the one before" if before else ""
    console.print(f"{spec.name} is trained at {cron!r}{replaced}", markup=False)
    console.print(f"  {kubeflow.schedule_link(made)}", markup=False)


def list_schedules(place: Place) -> None:
    """Prints the schedules of the training pipeline.

    Raises:
        KubeflowError: they cannot be asked for.
    """
    console = open_console()
    kubeflow = Kubeflow(place)
    pipeline = find_pipeline(kubeflow, Pipeline.TRAINING)
    found = _schedules(kubeflow, pipeline) if pipeline else []
    if not found:
        console.print("no schedule is there; kubeloop schedule SPEC --cron … makes one")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("model", "cron", "", "since"):
        table.add_column(column, no_wrap=True, overflow="fold")
    for schedule in sorted(found, key=lambda s: str(s.display_name)):
        state = "" if schedule.status == _ENABLED else str(schedule.status).lower()
        table.add_row(
            Text(str(schedule.display_name)),
            Text(_cron(schedule)),
            state,
            f"{schedule.created_at:%Y-%m-%d %H:%M}" if schedule.created_at else "",
        )
    console.print(table)


def delete_schedule(place: Place, name: str) -> None:
    """Deletes a model's schedule; a run of it that is under way goes on.

    Args:
        place: where.
        name: of the model.

    Raises:
        StateError: it has none.
        KubeflowError: it cannot be deleted.
    """
    console = open_console()
    kubeflow = Kubeflow(place)
    pipeline = find_pipeline(kubeflow, Pipeline.TRAINING)
    everyone = _schedules(kubeflow, pipeline) if pipeline else []
    found = [schedule for schedule in everyone if schedule.display_name == name]
    if not found:
        names = ", ".join(sorted({str(s.display_name) for s in everyone})) or "none"
        msg = f"model {name!r} has no schedule at {place.host}: there are {names}"
        raise StateError(msg)
    for schedule in found:
        _delete(kubeflow, schedule)
    console.print(f"{name} is trained by no schedule any more", markup=False)


def _schedules(kubeflow: Kubeflow, pipeline: str, name: str = "") -> list[Any]:
    """Lists the recurring runs of a pipeline; others may have the same name."""
    found = kubeflow.pages(
        "list schedules",
        "recurring_runs.recurring_run_service_list_recurring_runs",
        "recurring_runs",
        **kubeflow.scope,
        **({"filter": named(name)} if name else {}),
    )
    return [
        schedule
        for schedule in found
        if schedule.pipeline_version_reference
        and schedule.pipeline_version_reference.pipeline_id == pipeline
    ]


def _create(kubeflow: Kubeflow, wish: Wish, cron: str, known: set[str]) -> str:
    what = f"create the schedule {wish.name!r}"
    models = kubeflow.models
    wanted = models.V2beta1RecurringRun(
        display_name=wish.name,
        description=wish.description,
        experiment_id=wish.experiment,
        service_account=wish.service_account or None,
        mode="ENABLE",
        max_concurrency="1",
        no_catchup=True,
        trigger=models.V2beta1Trigger(cron_schedule=models.V2beta1CronSchedule(cron=cron)),
        **what_runs(kubeflow, wish),
    )
    try:
        made = kubeflow.call(
            what,
            "recurring_runs.recurring_run_service_create_recurring_run",
            recurring_run=wanted,
        )
    except UnavailableError:
        # The answer may have been lost on its way.
        mine = _schedules(kubeflow, wish.pipeline.pipeline, wish.name)
        new = [s for s in mine if s.recurring_run_id not in known]
        if not new:
            raise
        return str(new[0].recurring_run_id)
    if not made.recurring_run_id:
        msg = f"cannot {what}: {kubeflow.host} names none; is it Kubeflow Pipelines 2?"
        raise KubeflowError(msg)
    return str(made.recurring_run_id)


def _delete(kubeflow: Kubeflow, schedule: Any) -> None:
    try:
        kubeflow.call(
            f"delete the schedule {schedule.display_name!r}",
            "recurring_runs.recurring_run_service_delete_recurring_run",
            recurring_run_id=schedule.recurring_run_id,
        )
    except MissingError:
        # Somebody else was faster.
        return


def _cron(schedule: Any) -> str:
    trigger = schedule.trigger
    if trigger and trigger.cron_schedule:
        return str(trigger.cron_schedule.cron)
    if trigger and trigger.periodic_schedule:
        return f"every {trigger.periodic_schedule.interval_second} s"
    return ""
