"""What of a run on Kubeflow Pipelines has not begun, and waits for what: said once for each.

KFP shows a stage as running as soon as its driver has run, while the pod that does its work may
find no room on any node: Argo's phase Pending, which holds until a container runs. Source:
toModelTasks in backend/src/apiserver/server/api_converter.go of Kubeflow Pipelines 2.17.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from pipelines.kubeflow.stages import STAGES

# An image that a node has is started in seconds, and a node that an autoscaler adds takes minutes.
_LONG: Final = timedelta(minutes=1)
# What a run is in before and between its stages; `RUNNING` is shown by these.
_STILL: Final = {
    "PENDING": "the run is pending: Kubeflow has not begun it yet",
    "PAUSED": "the run is paused: nothing begins until it is resumed",
    "CANCELING": "the run is being canceled",
}

# Of a run that nobody has looked at yet.
_NONE_YET: Final = (None, "", "RUNTIME_STATE_UNSPECIFIED")


@dataclass
class WaitingPods:
    """Tells a person why nothing happens.

    Attributes:
        say: takes a sentence.
        namespace: of the pods, for the command that shows more; empty for Kubeflow's own.
    """

    say: Callable[[str], object]
    namespace: str = ""
    _said: set[str] = field(default_factory=set)
    _since: dict[str, datetime] = field(default_factory=dict)

    def show(self, run: Any, now: datetime) -> None:
        """Looks at a run as it is now, and says what is new of what it waits for.

        Args:
            run: as KFP's API describes it.
            now: when that was; a minute is counted from look to look.
        """
        state = "PENDING" if run.state in _NONE_YET else str(run.state)
        if text := _STILL.get(state):
            self._say_once(state, text)
        waiting = {"": "the run"} if state == "PENDING" else _waiting(run)
        self._since = {pod: self._since.get(pod, now) for pod in waiting}
        for pod, what in waiting.items():
            if now - self._since[pod] >= _LONG:
                namespace = self.namespace or "kubeflow"
                self._say_once(
                    f"{what} waits",
                    f"{what} has been pending for a minute: its pods may find no room on the "
                    f"nodes, or an image takes long; kubectl get events --namespace {namespace} "
                    "says which",
                )

    def _say_once(self, key: str, text: str) -> None:
        if key not in self._said:
            self._said.add(key)
            self.say(text)


def _waiting(run: Any) -> dict[str, str]:
    """The pods that are pending, each with its stage."""
    details = (run.run_details and run.run_details.task_details) or []
    by_pod = {task.pod_name: task for task in details}
    stage_of = {shown: name for name in STAGES for shown in (name, f"{name}-driver")}
    begun = {
        task.pod_name: stage for task in details if (stage := stage_of.get(str(task.display_name)))
    }
    below, stages = list(begun), dict(begun)
    while below:
        pod = below.pop()
        for child in by_pod[pod].child_tasks or ():
            # What follows a stage is a child of it too, and a stage of its own.
            if child.pod_name in by_pod and child.pod_name not in stages:
                stages[child.pod_name] = stages[pod]
                below.append(child.pod_name)
    return {pod: stage for pod, stage in stages.items() if by_pod[pod].state == "PENDING"}
