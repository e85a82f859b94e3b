"""Servers as processes: started, found ready, measured by what the kernel charges them, stopped."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[3]
# One thread for every numeric library of every server.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_START_S = 90.0


def free_port() -> int:
    """Returns a port that was free just now."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port


def responds(port: int, path: str = "/") -> Callable[[], bool]:
    """Returns whether a server answers 200 there."""

    def ready() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    return ready


def said(log: Path, text: str) -> Callable[[], bool]:
    """Returns whether a process has written a text to its log."""
    return lambda: text in log.read_text(encoding="utf-8", errors="replace")


class Process:
    """A running server."""

    def __init__(self, command: Sequence[str], log: Path, *, path: Path = ROOT) -> None:
        """Starts a command.

        Args:
            command: the program and its arguments.
            log: receives its output.
            path: the folder that it is started in, and finds its own modules in first.
        """
        self.log = log
        environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(path)}
        with log.open("wb") as stream:
            self._process = subprocess.Popen(
                [*command], stdout=stream, stderr=stream, cwd=path, env=environment
            )
        self.pid = self._process.pid
        # clock_getcpuclockid(3): the CPU clock of another process, of all its threads, in ns.
        self._clock = (~self.pid << 3) | 2

    def wait(self, ready: Callable[[], bool], every: float = 0.1) -> None:
        """Waits until the server is ready.

        Raises:
            SystemExit: it ended or took too long; the end of its log is shown.
        """
        until = time.monotonic() + _START_S
        while not ready():
            if self._process.poll() is not None or time.monotonic() > until:
                self.stop()
                text = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
                msg = f"process {self.pid} did not become ready:\n{text}"
                raise SystemExit(msg)
            time.sleep(every)

    def cpu(self) -> float:
        """Returns CPU seconds so far, user and system."""
        return time.clock_gettime(self._clock)

    def settle(self) -> None:
        """Waits until the server does nothing any more: what it owes to a load is then charged."""
        before = self.cpu()
        for _ in range(50):
            time.sleep(0.3)
            now = self.cpu()
            if now - before < 0.003:
                return
            before = now

    def resident(self) -> int:
        """Returns resident bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def stop(self) -> None:
        """Ends the process."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
