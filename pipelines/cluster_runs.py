"""The newest runs of models in Kubeflow Pipelines, asked for when they are needed."""

import json
from collections.abc import Callable, Collection
from itertools import islice
from typing import Any, Final

from pipelines.kubeflow.client import Kubeflow
from pipelines.kubeflow.errors import KubeflowError
from pipelines.kubeflow.place import Place

_RUNS: Final = 5
# Five pages: where others run a lot, older runs of a model are not looked for.
_LOOKED_AT: Final = 500


class Runs:
    """The newest runs by model, all found in one look.

    Args:
        place: of Kubeflow Pipelines; None for none.
        models: names those that runs are looked for of, once the first is asked for.

    Attributes:
        fault: why runs are not shown; empty where they are.
    """

    def __init__(self, place: Place | None, models: Callable[[], Collection[str]]) -> None:
        """Remembers whom to ask; nobody is asked yet."""
        self.fault = ""
        self._place, self._models = place, models
        self._found: dict[str, list[str]] | None = None

    def of(self, model: str) -> list[str]:
        """Lists a model's runs, newest first, a line each; none where they cannot be asked for."""
        if self._found is None:
            self._found = {name: [] for name in self._models()}
            if self._place is not None:
                try:
                    _look(Kubeflow(self._place), self._found)
                except KubeflowError as exc:
                    self.fault = f"runs are not shown: {exc}"
        return self._found.get(model, [])


def _look(kubeflow: Kubeflow, found: dict[str, list[str]]) -> None:
    runs = kubeflow.pages(
        "list runs",
        "runs.run_service_list_runs",
        "runs",
        sort_by="created_at desc",
        **kubeflow.scope,
    )
    for run in islice(runs, _LOOKED_AT):
        lines = found.get(_model_of(run))
        if lines is not None and len(lines) < _RUNS:
            lines.append(f"{run.display_name}  {str(run.state).lower()}")
        if all(len(each) == _RUNS for each in found.values()):
            return


def _model_of(run: Any) -> str:
    """The model that a run trains, by its spec; empty where it is none of Kubeloop's.

    Names tell it not: `remote-one` holds `one`.
    """
    parameters = (run.runtime_config and run.runtime_config.parameters) or {}
    try:
        return str(json.loads(str(parameters.get("spec")))["name"])
    except (ValueError, TypeError, KeyError):
        return ""
