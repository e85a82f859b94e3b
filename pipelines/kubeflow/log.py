"""The reason of a failed stage, out of its pod's log: Kubeflow itself only says that it failed."""

import re
from typing import Any, Final

from pipelines.kubeflow.client import Kubeflow
from pipelines.kubeflow.errors import KubeflowError
from pipelines.kubeflow.foreign_text import printable_lines, without_keys

# How a traceback ends, of an error of our own and of any other.
_OURS: Final = re.compile(r"^(?:components|pipelines)[\w.]*Error: ")
_ANY: Final = re.compile(r"^[\w.]+(?:Error|Exception|Interrupt)\b")
# Lines of KFP's launcher (klog) and of its executor.
_NOISE: Final = re.compile(r"^(?:[IWEF]\d{4} |\[KFP )|^time=\"")
_CHUNK: Final = 1 << 16
_MOST: Final = 1 << 26
_SHOWN: Final = 20


def last_words(kubeflow: Kubeflow, run: Any, stage: str) -> list[str]:
    """Reads why a stage failed.

    Args:
        kubeflow: where it ran.
        run: as KFP's API describes it.
        stage: that failed.

    Returns:
        The error that its log ends with, or else why there is no log; a few lines that a terminal
        may show, without what looks like a credential.
    """
    pod = _failed_pod(run, stage)
    if pod is None:
        return []
    path = f"/apis/v1alpha1/runs/{run.run_id}/nodes/{pod}/log"
    try:
        with kubeflow.stream(f"read the log of {stage}", path, {}) as answer:
            text = _end(answer)
    except KubeflowError as exc:
        return [str(exc)]
    # It answers 200 before it looks for the log; and a page is that of a login.
    none = text.lstrip().lower().startswith(('{"error_message"', "<!doctype", "<html"))
    return [] if none else find_reason("\n".join(printable_lines(without_keys(text).splitlines())))


def find_reason(log: str) -> list[str]:
    """Finds the error that a log ends with.

    Args:
        log: the end of a pod's log.

    Returns:
        Its lines, at most 20: from the last error of our own, else from the last of any, else the
        last lines.
    """
    lines = [line.rstrip() for line in log.splitlines() if not _NOISE.match(line)]
    for pattern in (_OURS, _ANY):
        starts = [number for number, line in enumerate(lines) if pattern.match(line)]
        if starts:
            return [line for line in lines[starts[-1] :] if line][:_SHOWN]
    return [line for line in lines if line][-5:]


def _failed_pod(run: Any, stage: str) -> str | None:
    """The pod of a stage's failed container: the last failed node below it that has none below."""
    details = (run.run_details and run.run_details.task_details) or []
    by_pod = {task.pod_name: task for task in details}
    below = [t.pod_name for t in details if t.display_name in (stage, f"{stage}-driver")]
    found, seen = None, set()
    while below:
        pod = below.pop(0)
        task = by_pod.get(pod)
        if task is None or pod in seen:
            continue
        seen.add(pod)
        children = [child.pod_name for child in task.child_tasks or ()]
        below += children
        if task.state == "FAILED" and not any(c in by_pod for c in children):
            found = str(pod)
    return found


def _end(answer: Any) -> str:
    """The end of an answer; the whole may be long."""
    kept, read = b"", 0
    while (chunk := answer.read(_CHUNK)) and read < _MOST:
        kept, read = (kept + chunk)[-2 * _CHUNK :], read + len(chunk)
    return kept.decode("utf-8", errors="replace")
