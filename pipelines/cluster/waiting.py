"""Waits for what a step has applied: progress as it comes up, the reason where it does not."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.cluster.commands import ClusterError, Command, ask
from pipelines.cluster.reasons import is_ready, mends, unready
from pipelines.cluster.running import running

Say = Callable[[str], None]
_LOOK_S = 5.0
_SHOWN = 6


@dataclass(frozen=True)
class Wait:
    """A command that waits, and what is shown meanwhile.

    Attributes:
        command: `kubectl wait` or `kubectl rollout status`.
        env: its environment.
        look_s: seconds between two looks at the pods.
    """

    command: Command
    env: Mapping[str, str]
    look_s: float = _LOOK_S

    def run(self, say: Say) -> None:
        """Waits, and says each change of the namespace's pods.

        Args:
            say: takes one line.

        Raises:
            ClusterError: what was waited for did not come; with the pods' states and events.
        """
        shown = ""
        with running(self.command, self.env) as under_way:
            while not under_way.wait(self.look_s):
                pods = self._look("pods")
                now = _progress(pods)
                if pods and now != shown:
                    shown = now
                    say(f"  {self.command.namespace}: {now}")
            if not under_way.failed:
                return
            complaints = under_way.complaints
        raise ClusterError(self._failure(complaints))

    def _failure(self, complaints: list[str]) -> str:
        pods, events = self._look("pods"), self._look("events")
        why = unready(pods, events)
        lines = [complaints[-1] if complaints else f"`{self.command.line}` failed"]
        if why:
            lines.append(f"not ready in {self.command.namespace}:")
            lines += [f"  {line}" for line in why]
            lines += [f"  {line}" for line in mends(pods)]
        return "\n".join(lines)

    def _look(self, kind: str) -> list[dict[str, Any]]:
        """Pods or events of the namespace; none where there is no namespace or no answer.

        What it sees is shown and decides nothing, so an API that does not answer is no failure.
        """
        if not self.command.namespace:
            return []
        words = ("kubectl", "-n", self.command.namespace, "get", kind, "--output=json")
        try:
            found = json.loads(ask(*words, env=self.env, timeout_s=30))
        except (ClusterError, json.JSONDecodeError):
            return []
        return list(found.get("items", []))


def _progress(pods: list[dict[str, Any]]) -> str:
    ready = sum(is_ready(pod) for pod in pods)
    why = unready(pods)
    more = f"; and {len(why) - _SHOWN} more" if len(why) > _SHOWN else ""
    return f"{ready} of {len(pods)} pods ready" + "".join(f"; {w}" for w in why[:_SHOWN]) + more
