"""Commands as a user types them: read from where they are written down, and asked for answers."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from components.errors import KubeloopError

ROOT = Path(__file__).parents[2]
"""The checkout: every command runs in it."""
# How a file says by which commands it is applied: a comment's line, indented by three.
_LINE = "#   "
_PROGRAMS = ("kubectl ", "sh ")
_TIMEOUT = "--timeout="
# `kubectl wait --help`: "The length of time to wait before giving up".
_TIMEOUT_S = 30.0


class ClusterError(KubeloopError):
    """A step on the way to a cluster failed."""


@dataclass(frozen=True)
class Command:
    """One line: a program with its arguments, or several with pipes between them.

    Attributes:
        parts: program and arguments of each.
    """

    parts: tuple[tuple[str, ...], ...]

    @classmethod
    def parse(cls, line: str) -> "Command":
        """Reads a line as a shell does, as far as quotes and pipes go."""
        words = shlex.split(line, comments=True)
        parts: list[list[str]] = [[]]
        for word in words:
            if word == "|":
                parts.append([])
            else:
                parts[-1].append(word)
        return cls(tuple(tuple(part) for part in parts))

    @property
    def line(self) -> str:
        """The line, to be typed in the checkout."""
        return " | ".join(shlex.join(part) for part in self.parts)

    @property
    def waits(self) -> bool:
        """Whether it only waits until something is there."""
        (words, *_) = self.parts
        return words[0] == "kubectl" and ("wait" in words or "rollout" in words)

    @property
    def asks_cluster(self) -> bool:
        """Whether kubectl is in it, by itself or in a script."""
        return any(words[0] in {"kubectl", "sh"} for words in self.parts)

    @property
    def timeout_s(self) -> float:
        """Seconds after which it ends by itself, as `--timeout` says; kubectl's own 30 if nothing.

        Raises:
            ClusterError: its `--timeout` is no duration as Go's time.ParseDuration reads it.
        """
        (words, *_) = self.parts
        given = [word.removeprefix(_TIMEOUT) for word in words if word.startswith(_TIMEOUT)]
        if not given:
            return _TIMEOUT_S
        pieces = re.fullmatch(r"(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", given[-1])
        if pieces is None:
            msg = f"{self.line!r} waits for {given[-1]!r}: expected a duration such as 5m or 1m30s"
            raise ClusterError(msg)
        hours, minutes, seconds = (int(piece or 0) for piece in pieces.groups())
        return float(hours * 3600 + minutes * 60 + seconds)

    def within(self, seconds: float) -> "Command":
        """Returns the same wait with another `--timeout`, of a second at least."""
        (words, *rest) = self.parts
        kept = tuple(word for word in words if not word.startswith(_TIMEOUT))
        return Command(((*kept, f"{_TIMEOUT}{max(1, int(seconds))}s"), *rest))

    @property
    def namespace(self) -> str:
        """The namespace that kubectl is told; empty for none."""
        (words, *_) = self.parts
        if words[0] != "kubectl" or "-n" not in words[:-1]:
            return ""
        return words[words.index("-n") + 1]


def read_commands(path: Path) -> tuple[Command, ...]:
    """Reads by which commands a file says that it is applied.

    Args:
        path: a kustomization, whose comments hold them.

    Returns:
        The commands in their order.

    Raises:
        ClusterError: the file is not there, or holds none.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as exc:
        msg = f"cannot read {str(path)!r}: {exc.strerror}; run it in a checkout of the project"
        raise ClusterError(msg) from exc
    said = [line.removeprefix(_LINE) for line in lines if line.startswith(_LINE)]
    commands = tuple(Command.parse(line) for line in said if line.startswith(_PROGRAMS))
    if not commands:
        msg = f"{str(path)!r} says nowhere how it is applied: expected comments '{_LINE}kubectl …'"
        raise ClusterError(msg)
    return commands


def environment(kubeconfig: Path | None = None) -> dict[str, str]:
    """Returns what commands run with.

    Args:
        kubeconfig: of the cluster that is meant, whatever the user's own names; None for that one.

    Returns:
        The environment of this process, in which `kubeloop` and `python3` are this installation's.
    """
    found = dict(os.environ)
    found["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), found.get("PATH", "")])
    if kubeconfig is not None:
        found["KUBECONFIG"] = str(kubeconfig)
    return found


def ask(*words: str, env: Mapping[str, str] | None = None, timeout_s: float = 60) -> str:
    """Runs a program for what it prints.

    Args:
        words: program and arguments.
        env: its environment; this process' if none.
        timeout_s: seconds after which it has failed.

    Returns:
        What it wrote to standard output.

    Raises:
        ClusterError: it is not there, failed, or took too long; with the last thing that it said.
    """
    try:
        done = subprocess.run(
            words, env=env, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except FileNotFoundError as exc:
        msg = f"no command {words[0]!r} is on the path"
        raise ClusterError(msg) from exc
    except OSError as exc:
        msg = f"the command {words[0]!r} cannot be started: {exc.strerror}"
        raise ClusterError(msg) from exc
    except subprocess.TimeoutExpired as exc:
        msg = f"{shlex.join(words)!r} gave no answer in {timeout_s:g} s"
        raise ClusterError(msg) from exc
    if done.returncode:
        raise ClusterError(_last_line(done.stderr) or f"exit status {done.returncode}")
    return done.stdout


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
