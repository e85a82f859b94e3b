"""Brings a local cluster up, step by step; again is safe, and goes on where it ended."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.cluster.applying import PATIENCE_S, PAUSE_S, run_command
from pipelines.cluster.commands import ClusterError, Command, ask, environment
from pipelines.cluster.findings import Finding, wrong
from pipelines.cluster.node import NODE, START_S, await_server, is_stopped
from pipelines.cluster.steps import NAME, Step
from pipelines.cluster.tools import SOURCES, look_at_machine, look_at_tools
from pipelines.cluster.waiting import Say, Wait


@dataclass(frozen=True)
class Builder:
    """Runs steps.

    Attributes:
        say: takes one line.
        patience_s: seconds in which a command is tried again that the platform is not ready for.
        pause_s: seconds between two tries.
        look_s: seconds between two looks at what is waited for.
        start_s: seconds that the API server of a cluster that is there has to be ready in.
    """

    say: Say
    patience_s: float = PATIENCE_S
    pause_s: float = PAUSE_S
    look_s: float = 5.0
    start_s: float = START_S

    def bring_up(self, steps: tuple[Step, ...]) -> None:
        """Does the steps, after a look at what they need.

        Args:
            steps: in their order.

        Raises:
            ClusterError: something is missing, or a step failed; what was done before stays.
        """
        env = environment()
        self._require(env)
        if not steps[0].makes_cluster and is_there(env):
            self._wake(env)
        for at, step in enumerate(steps, start=1):
            self.say(f"\n[{at}/{len(steps)}] {step.name}: {step.what}")
            try:
                self._do(step, env)
            except ClusterError as exc:
                msg = (
                    f"the step {step.name!r} failed: {exc}\nwhen that is mended: "
                    f"make cluster-{step.name} does it again, make cluster-up all of them"
                )
                raise ClusterError(msg) from exc

    def _require(self, env: Mapping[str, str]) -> None:
        found = list(look_at_tools(env))
        if not wrong(found) and not is_there(env):
            found += look_at_machine()
        for finding in found:
            for line in finding.lines:
                self.say(line)
        if missing := wrong(found):
            raise ClusterError(_missing(missing))

    def _do(self, step: Step, env: Mapping[str, str]) -> None:
        commands = step.commands
        if step.makes_cluster:
            commands = commands[1:]
            self._make_cluster(step.commands[0], env)
        with kubeconfig() as path:
            inside = environment(path)
            for command in commands:
                self.say(f"$ {command.line}")
                if command.waits:
                    Wait(command, inside, self.look_s).run(self.say)
                else:
                    self._run(command, inside)

    def _make_cluster(self, command: Command, env: Mapping[str, str]) -> None:
        self.say(f"$ {command.line}")
        if not is_there(env):
            self._run(command, env)
            return
        self.say("  it is there and stays as it is")
        self._wake(env)

    def _wake(self, env: Mapping[str, str]) -> None:
        """Starts the node where it stopped, and waits until the API server is ready."""
        if is_stopped(env):
            start = Command.parse(f"docker start {NODE}")
            self.say(f"$ {start.line}")
            self._run(start, env)
        with kubeconfig() as path:
            await_server(environment(path), self.say, limit_s=self.start_s, look_s=self.look_s)

    def _run(self, command: Command, env: Mapping[str, str]) -> None:
        run_command(command, env, self.say, patience_s=self.patience_s, pause_s=self.pause_s)


def take_down(say: Say) -> None:
    """Deletes the cluster with all that it holds; nothing happens where there is none.

    Raises:
        ClusterError: kind is not there, or failed.
    """
    env = environment()
    if shutil.which("kind", path=env["PATH"]) is None:
        msg = f"no command 'kind' is on the path; install it: {SOURCES['kind']}"
        raise ClusterError(msg)
    if not is_there(env):
        say(f"there is no cluster {NAME!r}")
        return
    command = Command.parse(f"kind delete cluster --name {NAME}")
    say(f"$ {command.line}")
    run_command(command, env, say)


def is_there(env: Mapping[str, str]) -> bool:
    """Says whether kind knows the cluster.

    Raises:
        ClusterError: kind is not there, or failed.
    """
    return NAME in ask("kind", "get", "clusters", env=env).split()


@contextmanager
def kubeconfig() -> Iterator[Path]:
    """Keeps the cluster's own configuration in a file of its own for a while.

    Commands get it by KUBECONFIG, so that whichever cluster the user's own configuration names at
    the time, none of them reaches another one.

    Yields:
        The file.

    Raises:
        ClusterError: there is no such cluster, or it was not made to its end.
    """
    env = environment()
    if not is_there(env):
        msg = f"there is no cluster {NAME!r}: make cluster-kind makes it"
        raise ClusterError(msg)
    try:
        text = ask("kind", "get", "kubeconfig", "--name", NAME, env=env)
    except ClusterError as exc:
        msg = (
            f"the cluster {NAME!r} is there and not whole ({exc}); if making it was interrupted, "
            "nothing is in it yet: make cluster-down, then make cluster-up"
        )
        raise ClusterError(msg) from exc
    # Made by mkstemp, so that nobody else can read it.
    with tempfile.NamedTemporaryFile("w", prefix="kubeloop-", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        yield Path(file.name)


def _missing(findings: list[Finding]) -> str:
    names = ", ".join(finding.name for finding in findings)
    return f"not begun, for this is missing or wrong: {names}; what to do is said above"
