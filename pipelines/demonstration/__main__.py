"""`make demo-drift`: the whole loop on one machine, from a changed world to a better model."""

import argparse
import math
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from components.errors import KubeloopError
from pipelines.demonstration.alerting import alerting, missing, write_token
from pipelines.demonstration.loop import CHANGED, Watch
from pipelines.demonstration.observation import Observation
from pipelines.demonstration.picture import draw
from pipelines.demonstration.runs import end_runs
from pipelines.demonstration.size import Size
from pipelines.demonstration.spec import METRIC, NAME, SPEC_FILE, write_spec
from pipelines.demonstration.stream import Stream
from pipelines.demonstration.timeline import Step, Timeline
from pipelines.demonstration.transactions import Transactions, write_history
from pipelines.interruption import interrupt_on_signals
from pipelines.local.engine import run_spec
from pipelines.local.progress import Progress, choose_display
from pipelines.local.result import Exit, Result
from pipelines.local.run import Run
from pipelines.local.state import open_state
from pipelines.standard_output import run_with_output

LEAST = 200
"""Rows of a window or a history: fewer hold too little fraud to learn from or to judge by."""

PATIENCE_S = 600
"""Within which the loop has to close."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the demonstration.

    Returns:
        0 when the loop has closed, 1 when it has not, 2 when it was called wrongly, 130 when it was
        interrupted. Nothing that it started runs on.
    """
    options = _read_options(arguments)
    console = Console(highlight=False)
    folder: Path = options.folder
    if folder.exists():
        if any(folder.iterdir()) and not (folder / SPEC_FILE).exists():
            console.print(f"error: {str(folder)!r} holds something else: name another folder")
            return 2
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    size: Size = options.size
    transactions = Transactions(options.seed, size.history + size.calm)
    write_history(folder / "transactions.csv", transactions, size.history)
    spec = write_spec(folder, size.window)
    timeline = Timeline()
    console.print(f"{size.history} card transactions in {folder}: version 1 is trained on them")

    state = open_state(folder / "state")
    if options.alerts == "prometheus":
        write_token(state.alert_token)

    def finish(run: Run, result: Result) -> None:
        display.stop()
        if result.exit_status:
            return
        with ExitStack() as stack:
            alertmanager = None
            addresses = (run.services.serving, run.services.monitor)
            if options.alerts == "prometheus":
                place = folder / "alerting"
                alertmanager = stack.enter_context(alerting(place, state.alert_token, *addresses))
                console.print("Prometheus and Alertmanager watch; their alerts start the run")
            stream = Stream(transactions, *addresses, NAME, options.rate, size.delay, size.history)
            stack.callback(end_runs, state.root)
            _demonstrate(console, folder, stream, timeline, alertmanager=alertmanager, size=size)

    display = choose_display(console)
    try:
        result = run_spec(
            spec, state, Progress(display, expected={"train": 2}),
            ports={}, isolated=False, finish=finish,
        )  # fmt: skip
    except KubeloopError as exc:
        console.print(f"error: {exc}", markup=False)
        return Exit.FAILED
    except KeyboardInterrupt:
        console.print("interrupted")
        return Exit.INTERRUPTED
    finally:
        display.stop()
        # One that began while the services were being stopped.
        end_runs(state.root)
    if result.exit_status:
        console.print(f"version 1 was not served: see {state.root / 'runs' / 'latest'}")
    return 0 if timeline.has("quality is back") else 1


def _demonstrate(
    console: Console,
    folder: Path,
    stream: Stream,
    timeline: Timeline,
    *,
    alertmanager: str | None,
    size: Size,
) -> None:
    """Sends the stream, changes the world, and watches."""
    observation = Observation(stream.serving, stream.monitor, NAME)

    def tell(step: Step) -> None:
        console.print(timeline.line(step), soft_wrap=True)

    watch = Watch(stream, observation, timeline, tell, alertmanager)
    console.print(f"{size.calm} transactions like those, {stream.rate:g} a second …")
    _send(stream, watch, size.calm)
    change = (time.monotonic(), stream.next)
    timeline.change = change
    tell(timeline.note(CHANGED, *change, "stolen cards are tested by small payments online"))
    closed = stream.send_until(watch.closed, round(stream.rate * PATIENCE_S))
    if closed:
        # So that the picture shows how the new version goes on.
        _send(stream, watch, size.calm)
    console.print()
    console.print(timeline.table())
    picture = folder / "timeline.png"
    draw(picture, observation.moments, timeline, METRIC)
    console.print(f"{stream.next - size.history} requests sent, {stream.failed} failed")
    console.print(f"picture  {picture}")
    if not closed:
        missing = [name for name in watch.steps if not timeline.has(name)]
        lacking = ", ".join(missing)
        console.print(f"the loop did not close within {PATIENCE_S} s: {lacking} missing")


def _send(stream: Stream, watch: Watch, rows: int) -> None:
    """Sends rows, and looks at the services while it does."""

    def look() -> bool:
        watch.look()
        return False

    stream.send_until(look, rows)


def _read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make demo-drift", description="Change the world, and watch the loop close."
    )
    parser.add_argument(
        "--folder", type=Path, default=Path(".kubeloop/demo-drift"), help="made anew"
    )
    parser.add_argument("--seed", type=int, default=7, help="of the transactions")
    parser.add_argument("--rate", type=_rate, default=100.0, help="transactions a second")
    parser.add_argument(
        "--history",
        type=_rows,
        metavar="ROWS",
        default=Size().history,
        help="that version 1 is trained on",
    )
    parser.add_argument(
        "--window",
        type=_rows,
        metavar="ROWS",
        default=Size().window,
        help="that the monitor compares at a time; half as many again come before the change",
    )
    parser.add_argument(
        "--alerts",
        choices=("prometheus", "own"),
        help="who fires: Prometheus and Alertmanager, the default where both are installed, or the "
        "monitor by its own verdict",
    )
    options = parser.parse_args(arguments)
    lacking = missing()
    if options.alerts == "prometheus" and lacking:
        parser.error(f"not installed: {', '.join(lacking)}; on Debian packages of these names")
    if options.alerts is None:
        options.alerts = "own" if lacking else "prometheus"
    options.size = Size(options.history, options.window)
    return options


def _rows(text: str) -> int:
    rows = int(text) if text.isdecimal() else 0
    if rows < LEAST:
        msg = f"{text!r}: expected {LEAST} rows or more"
        raise argparse.ArgumentTypeError(msg)
    return rows


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < math.inf:
        msg = f"{text!r}: expected more than 0 a second"
        raise argparse.ArgumentTypeError(msg)
    return rate


if __name__ == "__main__":
    interrupt_on_signals()
    sys.exit(run_with_output(main, "error"))
