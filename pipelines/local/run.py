"""One run under way: what is run, where, and what is known of it so far."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.spec import Spec
from pipelines.local.outputs import Outputs
from pipelines.local.progress import Progress
from pipelines.local.services import Services
from pipelines.local.traffic import Traffic


@dataclass
class Run:
    """One run under way.

    Attributes:
        spec: what is run.
        folder: its folder under the state's runs.
        services: the model server and the monitor.
        progress: hears of every stage.
        before: what was served of the model when the run began.
        fresh: address of labelled rows since the last run; empty for none.
        traffic: what the client at its end saw, once there was one.
    """

    spec: Spec
    folder: Path
    services: Services
    progress: Progress
    before: dict[str, Any] | None
    fresh: str = ""
    traffic: Traffic | None = field(default=None)

    @property
    def outputs(self) -> Outputs:
        """What the tasks have left so far."""
        return Outputs(self.folder / "artifacts")
