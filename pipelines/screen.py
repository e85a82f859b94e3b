"""Where the commands print: a terminal's width there, all of a line where somebody reads a pipe."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

# Wide enough for any row of a table: a program that reads it wants whole names.
_PIPED_WIDTH = 1000
_STEPS = 10

Report = Callable[[int, float], None]
"""Takes the rows so far, and their share of all, from 0 to 1."""


def open_console(*, stderr: bool = False) -> Console:
    """Opens the console that a command prints to.

    Args:
        stderr: whether stdout is left to a result.

    Returns:
        A console that changes no text of the user's, neither colours nor breaks.
    """
    console = Console(stderr=stderr, highlight=False, soft_wrap=True, emoji=False)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    return console


@contextmanager
def show_progress(console: Console) -> Iterator[Report]:
    """Shows progress: a bar in a terminal, a line for each tenth where there is none.

    Args:
        console: where.

    Yields:
        What is to be told of it.
    """
    if not console.is_terminal:
        yield _lines(console)
        return
    columns = (BarColumn(), TextColumn("{task.fields[rows]:,} rows"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0, rows=0)
        yield lambda rows, share: bar.update(task, completed=share, rows=rows)


def _lines(console: Console) -> Report:
    said = 0

    def report(rows: int, share: float) -> None:
        nonlocal said
        step = int(share * _STEPS)
        if step > said:
            said = step
            console.print(f"{step * 100 // _STEPS:>3} %  {rows:,} rows", markup=False)

    return report
