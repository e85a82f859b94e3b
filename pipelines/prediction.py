"""Answers for a file, with what a person sees meanwhile: `kubeloop predict`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from components import bundle
from components.errors import SpecError
from components.score.batch import Errors, Scored, score
from components.score.tally import describe_problems
from pipelines import destination
from pipelines.screen import open_console

_STEPS = 10
_SHOWN = 20

Report = Callable[[int, float], None]


def predict_file(folder: Path, source: Path, output: Path, *, errors: Errors, force: bool) -> None:
    """Answers every row of a file.

    Args:
        folder: the bundle's.
        source: the rows.
        output: where the answers go.
        errors: what becomes of rows that break the signature.
        force: whether an output that is there is replaced.

    Raises:
        SpecError: the output is there, or cannot be written.
        KubeloopError: as `components.score.batch.score`.
    """
    destination.check_writable(output)
    if output.exists() and not force:
        msg = f"{str(output)!r} is there already: name another file, or replace it with --force"
        raise SpecError(msg)
    with _shown(open_console(stderr=True)) as progress:
        scored = score(folder, source, output, errors=errors, progress=progress)
    _say(folder, output, scored)


def _say(folder: Path, output: Path, scored: Scored) -> None:
    tally = scored.tally
    print(f"wrote {output}: {tally.rows:,} rows by {scored.key}")
    if tally.refused:
        inputs = bundle.read(folder).signature.inputs
        print(f"{tally.refused:,} rows break the signature and have empty answers")
        for line in describe_problems(tally, inputs):
            print(f"  {line}")
    for name, count in sorted(tally.unseen.items()):
        print(f"field {name!r}: {count:,} values that training never saw, answered")
    if scored.ignored:
        shown = ", ".join(map(repr, scored.ignored[:_SHOWN]))
        more = len(scored.ignored) - _SHOWN
        print(f"columns that the model does not know, ignored: {shown}", end="")
        print(f" and {more} more" if more > 0 else "")


@contextmanager
def _shown(console: Console) -> Iterator[Report]:
    """Shows progress: a bar in a terminal, a line for each tenth where there is none."""
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
