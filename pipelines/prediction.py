"""Answers for a file, with what a person sees meanwhile: `kubeloop predict`."""

from pathlib import Path

from components import bundle
from components.errors import SpecError
from components.score.batch import Errors, Scored, score
from components.score.tally import describe_problems
from pipelines import destination
from pipelines.screen import open_console, show_progress

_SHOWN = 20


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
    with show_progress(open_console(stderr=True)) as progress:
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
