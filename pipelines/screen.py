"""Where the commands print: a terminal's width there, all of a line where somebody reads a pipe."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

# Wide enough for any row of a table: a program that reads it wants whole names.
_PIPED_WIDTH = 1000
_STEPS = 10
_GAP = "  "

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


def print_table(
    console: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    below: Sequence[str] = (),
) -> None:
    """Prints a table of which a narrow terminal loses nothing.

    No cell is cut. Where a row is wider than the terminal, columns leave it for a line each below
    it, which begins with the column's name; what is too wide even so the terminal wraps. A pipe
    has one line for each row.

    Args:
        console: as `open_console` gives it.
        columns: their names, which may be empty.
        rows: a cell for each column, as it is shown: no markup. Characters that do not print are
            shown as U+FFFD, since they may move the cursor.
        below: names of the columns that leave their rows where these are too wide: the first of
            them first, and no more than needed.
    """
    table = [tuple(columns), *(tuple(_printable(cell) for cell in row) for row in rows)]
    widths = [max(cell_len(row[place]) for row in table) for place in range(len(columns))]
    inside = list(range(len(columns)))
    if console.is_terminal:
        for name in below:
            if sum(widths[place] + len(_GAP) for place in inside) - len(_GAP) <= console.width:
                break
            inside.remove(columns.index(name))
    outside = [place for place in range(len(columns)) if place not in inside]
    for number, row in enumerate(table):
        cells = [row[place] + " " * (widths[place] - cell_len(row[place])) for place in inside]
        console.print(Text(_GAP.join(cells).rstrip(), "" if number else "dim"))
        for place in outside if number else ():
            if row[place]:
                console.print(Text.assemble(_GAP, (columns[place], "dim"), _GAP, row[place]))


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


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
