"""Standard output as every command has it: what it cannot show is replaced, its failure a sentence.

A disk may be full, and who reads a pipe may leave; a terminal's encoding may have no letter for a
mark. A document that other programs read is written in UTF-8 whatever the terminal's is, as it is
into a file.
"""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EPIPE
from typing import Final

from components.errors import KubeloopError
from pipelines.local.result import Exit

# What a user chooses besides by PYTHONIOENCODING never fails, and stays as it is.
_FAILING: Final = ("strict", "surrogateescape")


class OutputError(KubeloopError):
    """What a command prints cannot be written."""


class _Output(io.TextIOWrapper):
    """Writes as Python's own does, and tells its errors from those of any other file."""

    def write(self, text: str, /) -> int:
        with _named():
            return super().write(text)

    def flush(self) -> None:
        with _named():
            super().flush()


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        reason = "nobody reads it any more" if exc.errno == EPIPE else exc.strerror
        msg = f"standard output cannot be written: {reason}; the command stopped there"
        raise OutputError(msg) from exc


def run_with_output(command: Callable[[], int], speaker: str) -> int:
    """Runs a command whose standard output fails on no character, and by one sentence if it fails.

    Args:
        command: returns the exit status. It lets `OutputError` pass.
        speaker: what the sentence begins with.

    Returns:
        The exit status; 1 where standard output cannot be written.
    """
    open_output()
    try:
        try:
            code = command()
        except SystemExit:
            # By which argparse ends after its help; that is output too.
            finish_output()
            raise
        finish_output()
    except OutputError as exc:
        complain(f"{speaker}: {exc}")
        abandon_output()
        return Exit.FAILED
    return code


def complain(text: str) -> None:
    """Prints to standard error; where nobody can be told, the exit status says that much."""
    try:
        print(text, file=sys.stderr)
    except OSError:
        return


def open_output() -> None:
    """Puts standard output that fails on no character in the place of Python's own."""
    found = sys.stdout
    # There is none where the process was started without.
    if isinstance(found, io.TextIOWrapper):
        sys.stdout = _Output(
            found.buffer,
            encoding=found.encoding,
            errors="replace" if found.errors in _FAILING else found.errors,
            line_buffering=found.line_buffering,
            write_through=found.write_through,
        )


def finish_output() -> None:
    """Writes what waits to be written.

    Raises:
        OutputError: it cannot be written.
    """
    if sys.stdout is not None:
        sys.stdout.flush()


def abandon_output() -> None:
    """Has what waits to be written, and what is still said, go nowhere: it failed once."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def write_document(text: str) -> None:
    """Prints text that is read as UTF-8, such as YAML, whatever a terminal's encoding is.

    Raises:
        OutputError: it cannot be written.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    print(text, end="")
