"""A command under way: what it says is shown and kept, and it is stopped with all it started."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pipelines.cluster.commands import ROOT, ClusterError, Command
from pipelines.cluster.complaints import is_log

# What a stopped program is given to end by itself: docker takes a moment.
_ENDING_S = 10.0
_KEPT_LINES = 200


class Running:
    """A command under way; what it writes is the user's to see."""

    def __init__(self) -> None:
        """Nothing runs yet."""
        self._processes: list[subprocess.Popen[str]] = []
        self._pumps: list[threading.Thread] = []
        self._complaints: deque[str] = deque(maxlen=_KEPT_LINES)

    def start(self, command: Command, env: Mapping[str, str]) -> None:
        """Starts the programs, each reading what the one before writes.

        Args:
            command: what to run.
            env: its environment, whose PATH finds the programs.

        Raises:
            ClusterError: a program is not there.
        """
        for at, part in enumerate(command.parts):
            before = self._processes[-1].stdout if at else None
            last = at == len(command.parts) - 1
            try:
                process = subprocess.Popen(
                    part,
                    env=dict(env),
                    cwd=ROOT,
                    stdin=before or subprocess.DEVNULL,
                    stdout=None if last else subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    # A group of its own: what a script has started ends with it.
                    process_group=0,
                )
            except FileNotFoundError as exc:
                msg = f"no command {part[0]!r} is on the path"
                raise ClusterError(msg) from exc
            except OSError as exc:
                msg = f"the command {part[0]!r} cannot be started: {exc.strerror}"
                raise ClusterError(msg) from exc
            finally:
                if before is not None:
                    # The next program holds it; ours would keep the first from noticing its end.
                    before.close()
            self._processes.append(process)
            pump = threading.Thread(target=self._pump, args=(process,), daemon=True)
            pump.start()
            self._pumps.append(pump)

    def _pump(self, process: subprocess.Popen[str]) -> None:
        for line in process.stderr or ():
            if is_log(line):
                continue
            self._complaints.append(line.rstrip())
            sys.stderr.write(line)
            sys.stderr.flush()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits for the end.

        Args:
            timeout_s: seconds; None for as long as it takes.

        Returns:
            Whether every program has ended.
        """
        try:
            for process in reversed(self._processes):
                process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        for pump in self._pumps:
            # What a program has left behind may hold its end of the pipe for ever.
            pump.join(_ENDING_S)
        return True

    @property
    def failed(self) -> bool:
        """Whether a program of it ended with another status than 0."""
        return any(process.returncode for process in self._processes)

    @property
    def complaints(self) -> list[str]:
        """The last lines that it wrote to standard error, but for those of its log."""
        return [line for line in self._complaints if line]

    def stop(self) -> None:
        """Ends what still runs: asked first, killed when it does not."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in self._processes:
                if process.poll() is None:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, number)
            if self.wait(_ENDING_S):
                return


@contextmanager
def running(command: Command, env: Mapping[str, str]) -> Iterator[Running]:
    """Runs a command; what still runs of it at the end is stopped.

    Args:
        command: what to run.
        env: its environment.

    Yields:
        The command under way.
    """
    under_way = Running()
    try:
        under_way.start(command, env)
        yield under_way
    finally:
        under_way.stop()
