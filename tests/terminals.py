"""A command on a real terminal of some width, which a pipe is not."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_a_terminal(folder: Path, *arguments: str, columns: int = 80) -> list[str]:
    """Runs the command where its output is a terminal.

    Args:
        folder: in which it runs.
        arguments: of `kubeloop`.
        columns: how wide the terminal is.

    Returns:
        What it wrote, errors too, without colours; a line is one however wide it is.
    """
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    command = [sys.executable, "-P", "-m", "pipelines.cli", *arguments]
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=its,
        stdout=its,
        stderr=its,
        env={**environment, "TERM": "xterm"},
    ):
        os.close(its)
        said = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    return _STYLE.sub("", said.decode()).splitlines()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        # Nobody holds its other end any more, which Linux answers with EIO.
        return b""
