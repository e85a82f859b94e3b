"""Runs of the training pipeline by the clock: `kubeloop schedule`.

A schedule is a recurring run of KFP, named as the model. One run is under way at a time, and what
was missed while KFP or the schedule was off is not made up for: the newest data is what counts.
"""

import difflib
from collections.abc import Sequence
from typing import Any, Final

from components.errors import StateError
from components.spec import Spec
from pipelines.compile import Pipeline
from pipelines.cron import show_cron
from pipelines.kubeflow.client import Kubeflow, named
from pipelines.kubeflow.errors import KubeflowError, MissingError, UnavailableError
from pipelines.kubeflow.pipeline import find_pipeline
from pipelines.kubeflow.place import Place
from pipelines.kubeflow.run import Wish, what_runs
from pipelines.screen import open_console, print_table
from pipelines.submission import Submission, check_submission, make_reachable, make_wish

_ENABLED: Final = "ENABLED"
# As many names as a person reads at a glance.
_NEAREST: Final = 5


def create_schedule(spec: Spec, submission: Submission, cron: str) -> None:
    """Creates a model's schedule, or puts another in its place.

    Args:
        spec: what is trained each time, by its sources as they are then.
        submission: how.
        cron: as `read_cron` gives it.

    Raises:
        SpecError: sources lie where no pod can read them, or else what is asked for could not run.
        DataError: a source of this machine cannot be uploaded.
        KubeflowError: the schedule was not created; one that was there stays.
    """
    console = open_console()
    check_submission(spec, submission)
    kubeflow = Kubeflow(submission.place)
    reachable = make_reachable(kubeflow, spec, submission, console)
    wish = make_wish(kubeflow, reachable, submission, name=spec.name, run_id="")
    before = _schedules(kubeflow, wish.pipeline.pipeline, spec.name)
    made = _create(kubeflow, wish, cron, known={s.recurring_run_id for s in before})
    # The old ones go when the new one is there: killed between, a model has two, never none.
    try:
        stays = _retire_others(kubeflow, wish, made)
    except KubeflowError as exc:
        msg = (
            f"the schedule of {spec.name!r} was made, and others of it may be there still: {exc}. "
            "The same command again leaves one"
        )
        raise KubeflowError(msg) from exc
    if stays != made:
        console.print(
            f"{spec.name} was scheduled by somebody else at the same time, which stays",
            markup=False,
        )
    else:
        replaced = ", in the place of the one before" if before else ""
        console.print(
            f"{spec.name} is trained at {show_cron(cron)!r}, in UTC{replaced}", markup=False
        )
    console.print(f"  {kubeflow.schedule_link(stays)}", markup=False)


def _retire_others(kubeflow: Kubeflow, wish: Wish, made: str) -> str:
    """Leaves one schedule of a model, and returns its id: of all that are there the last one.

    Whoever makes one looks afterwards, and all decide alike, by what Kubeflow says of each alone:
    whatever was there before somebody looked, the last one stays with all. Its times have whole
    seconds, so that of one second the greatest id stays.
    """
    there = _schedules(kubeflow, wish.pipeline.pipeline, wish.name)
    last = max(there, key=lambda s: (str(s.created_at), str(s.recurring_run_id)), default=None)
    stays = str(last.recurring_run_id) if last else made
    for schedule in there:
        if schedule.recurring_run_id != stays:
            _delete(kubeflow, schedule)
    return stays


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
    rows = [
        (
            str(schedule.display_name),
            _cron(schedule),
            "" if schedule.status == _ENABLED else str(schedule.status).lower(),
            f"{schedule.created_at:%Y-%m-%d %H:%M}" if schedule.created_at else "",
        )
        for schedule in sorted(found, key=lambda s: str(s.display_name))
    ]
    print_table(console, ("model", "cron", "", "since"), rows, below=("since", "cron"))


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
        there = _nearest(name, sorted({str(s.display_name) for s in everyone}))
        msg = f"model {name!r} has no schedule at {place.host}: {there}"
        raise StateError(msg)
    for schedule in found:
        _delete(kubeflow, schedule)
    console.print(f"{name} is trained by no schedule any more", markup=False)


def _nearest(name: str, names: Sequence[str]) -> str:
    """Says what there is: all of a few, of many those that may have been meant."""
    if len(names) <= _NEAREST:
        return f"there are {', '.join(map(repr, names)) or 'none'}"
    near = difflib.get_close_matches(name, names, _NEAREST)
    meant = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    return f"{meant}kubeloop schedule --list shows the {len(names)} that there are"


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
    except UnavailableError as exc:
        # The answer may have been lost on its way.
        def find() -> Any:
            mine = _schedules(kubeflow, wish.pipeline.pipeline, wish.name)
            return next((s for s in mine if s.recurring_run_id not in known), None)

        made = kubeflow.find_made(exc, find)
    return kubeflow.identity(what, made.recurring_run_id)


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
        return show_cron(str(trigger.cron_schedule.cron))
    if trigger and trigger.periodic_schedule:
        return f"every {trigger.periodic_schedule.interval_second} s"
    return ""
