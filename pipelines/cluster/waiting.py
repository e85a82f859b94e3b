"""Waits for what a step has applied: progress as it comes up, the reason where it does not."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.cluster.commands import ClusterError, Command, ask
from pipelines.cluster.complaints import find_mends, is_passing
from pipelines.cluster.reasons import is_ready, mends, unready
from pipelines.cluster.running import running
from pipelines.cluster.steps import KUBECTL

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

        A connection that is refused or lost ends kubectl's waiting at once, so it is begun again,
        for what is left of the command's own `--timeout`.

        Args:
            say: takes one line.

        Raises:
            ClusterError: what was waited for did not come; with the pods' states and events, and
                what helps where that is known.
        """
        until = time.monotonic() + self.command.timeout_s
        command = self.command
        while (complaints := self._wait(command, say)) is not None:
            if not is_passing(complaints) or time.monotonic() >= until:
                raise ClusterError(self._failure(complaints))
            say(f"  not ready for it yet; again in {self.look_s:g} s")
            time.sleep(self.look_s)
            command = self.command.within(until - time.monotonic())

    def _wait(self, command: Command, say: Say) -> list[str] | None:
        """Waits once; returns what kubectl complained of where it failed, else None."""
        shown = ""
        with running(command, self.env) as under_way:
            while not under_way.wait(self.look_s):
                pods = self._look("pods")
                now = _progress(pods)
                if pods and now != shown:
                    shown = now
                    say(f"  {self.command.namespace}: {now}")
            return under_way.complaints if under_way.failed else None

    def _failure(self, complaints: list[str]) -> str:
        pods, events = self._look("pods"), self._look("events")
        why = unready(pods, events)
        lines = [complaints[-1] if complaints else f"`{self.command.line}` failed"]
        if why:
            lines.append(f"not ready in {self.command.namespace}:")
            lines += [f"  {line}" for line in why]
            lines += [f"  {line}" for line in mends(pods, KUBECTL)]
        return "\n".join([*lines, *find_mends(complaints)])

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
