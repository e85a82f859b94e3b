"""Runs on Kubeflow Pipelines: created once, followed to their end, found again by their name."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pipelines.kubeflow.client import Kubeflow, named
from pipelines.kubeflow.errors import (
    KubeflowError,
    MissingError,
    TakenError,
    TokenError,
    UnavailableError,
)
from pipelines.kubeflow.pipeline import Uploaded

_ENDS: Final = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")
# A server that is being rolled out, or a laptop that slept.
PATIENCE_S: Final = 300.0
_FIRST_PAUSE_S: Final = 0.2
_PAUSE_S: Final = 5.0


@dataclass(frozen=True)
class Wish:
    """A run that is to be.

    Attributes:
        name: shown, and unique.
        pipeline: the version to run.
        parameters: its values.
        experiment: KFP's id of the experiment.
        root: address below which its artifacts lie; empty for the server's own.
        service_account: of its pods; empty for the server's own.
        description: for people.
    """

    name: str
    pipeline: Uploaded
    parameters: dict[str, Any]
    experiment: str
    root: str = ""
    service_account: str = ""
    description: str = ""


def ensure_experiment(kubeflow: Kubeflow, name: str) -> str:
    """Finds an experiment by its name, or creates it.

    Returns:
        KFP's id.

    Raises:
        KubeflowError: it can be neither found nor created.
    """
    if found := _find_experiment(kubeflow, name):
        return found
    what = f"create the experiment {name!r}"
    wanted = kubeflow.models.V2beta1Experiment(
        display_name=name, namespace=kubeflow.namespace or None
    )
    method = "experiments.experiment_service_create_experiment"
    try:
        made = kubeflow.call(what, method, experiment=wanted)
    except (TakenError, UnavailableError) as exc:
        # Somebody else may have made it meanwhile, or the answer was lost on its way.
        return kubeflow.find_made(exc, lambda: _find_experiment(kubeflow, name))
    return kubeflow.identity(what, made.experiment_id)


def _find_experiment(kubeflow: Kubeflow, name: str) -> str | None:
    what = f"find the experiment {name!r}"
    found = kubeflow.call(
        what,
        "experiments.experiment_service_list_experiments",
        filter=named(name),
        **kubeflow.scope,
    )
    if not found.experiments:
        return None
    return kubeflow.identity(what, found.experiments[0].experiment_id)


def create_run(kubeflow: Kubeflow, wish: Wish) -> str:
    """Creates a run, once: where the answer is lost, the run is looked for by its name.

    Returns:
        KFP's id.

    Raises:
        KubeflowError: it was not created.
    """
    what = f"create the run {wish.name!r}"
    run = kubeflow.models.V2beta1Run(
        display_name=wish.name,
        description=wish.description,
        experiment_id=wish.experiment,
        service_account=wish.service_account or None,
        **what_runs(kubeflow, wish),
    )
    try:
        made = kubeflow.call(what, "runs.run_service_create_run", run=run)
    except UnavailableError as exc:
        made = kubeflow.find_made(exc, lambda: find_run(kubeflow, wish.name))
    return kubeflow.identity(what, made.run_id)


def what_runs(kubeflow: Kubeflow, wish: Wish) -> dict[str, Any]:
    """What of a run and of a schedule says which pipeline runs, with which values."""
    return {
        "pipeline_version_reference": kubeflow.models.V2beta1PipelineVersionReference(
            pipeline_id=wish.pipeline.pipeline, pipeline_version_id=wish.pipeline.version
        ),
        "runtime_config": kubeflow.models.V2beta1RuntimeConfig(
            parameters=wish.parameters, pipeline_root=wish.root or None
        ),
    }


def find_run(kubeflow: Kubeflow, name: str) -> Any:
    """Finds a run by its name; None where there is none.

    Raises:
        KubeflowError: it cannot be asked for.
    """
    found = kubeflow.call(
        f"find the run {name!r}",
        "runs.run_service_list_runs",
        filter=named(name),
        **kubeflow.scope,
    )
    return found.runs[0] if found.runs else None


def get_run(kubeflow: Kubeflow, run: str) -> Any:
    """Asks for a run by KFP's id.

    Raises:
        KubeflowError: it is not there, or cannot be asked for.
    """
    what = f"follow the run {run}"
    found = kubeflow.call(what, "runs.run_service_get_run", run_id=run)
    kubeflow.identity(what, found.run_id)
    return found


def follow_run(
    kubeflow: Kubeflow,
    run: str,
    look: Callable[[Any, datetime], object],
    say: Callable[[str], None],
    patience_s: float = PATIENCE_S,
) -> Any:
    """Follows a run to its end; a server that is away for a while is waited for.

    So is a token that has expired: its file is read for each request, and may hold a new one soon.

    Args:
        kubeflow: where it runs.
        run: KFP's id.
        look: takes the run as it is, and the time, whenever it was asked for.
        say: is told that the server does not answer, once each time that it stops.
        patience_s: seconds that a server may be away, or refuse the token.

    Returns:
        The run as it ended.

    Raises:
        KubeflowError: it cannot be followed; it goes on, and where it is seen is said.
    """
    pause, silent_since = _FIRST_PAUSE_S, 0.0
    while True:
        try:
            found = get_run(kubeflow, run)
        except (UnavailableError, TokenError) as exc:
            if not silent_since:
                silent_since = time.monotonic()
                say(f"{exc}; asking again")
            elif time.monotonic() - silent_since > patience_s:
                raise _left(exc, kubeflow.link(run)) from exc
        except KubeflowError as exc:
            raise _left(exc, kubeflow.link(run)) from exc
        else:
            silent_since = 0.0
            look(found, datetime.now(UTC))
            if found.state in _ENDS:
                return found
        time.sleep(pause)
        pause = min(_PAUSE_S, 1.5 * pause)


def _left(exc: KubeflowError, link: str) -> KubeflowError:
    """The error by which a run is followed no more: it goes on, and nobody here sees it."""
    goes_on = "unless it was deleted, the run" if isinstance(exc, MissingError) else "the run"
    return type(exc)(f"{exc}; {goes_on} goes on, see {link}")
