"""`make demo-drift`: the whole loop on one machine, from a changed world to a better model."""

import argparse
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
from pipelines.demonstration.spec import METRIC, NAME, SPEC_FILE, write_spec
from pipelines.demonstration.stream import Stream
from pipelines.demonstration.timeline import Step, Timeline
from pipelines.demonstration.transactions import Transactions, write_history
from pipelines.local.engine import run_spec
from pipelines.local.progress import Progress, choose_display
from pipelines.local.result import Result
from pipelines.local.run import Run
from pipelines.local.state import open_state

HISTORY = 4000
"""Rows that version 1 is trained on."""
CALM = 1500
"""Rows that are sent before the pattern changes: a whole window, and then some."""
MOST = 20_000
"""Rows after the change within which the loop has to close."""
DELAY = 300
"""Rows after which the truth of a row is known."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the demonstration.

    Returns:
        0 when the loop has closed, 1 when it has not.
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
    transactions = Transactions(options.seed, HISTORY + CALM)
    write_history(folder / "transactions.csv", transactions, HISTORY)
    spec = write_spec(folder)
    timeline = Timeline()
    console.print(f"{HISTORY} card transactions in {folder}: version 1 is trained on them")

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
            stream = Stream(transactions, *addresses, NAME, options.rate, DELAY, HISTORY)
            _demonstrate(console, folder, stream, timeline, alertmanager)

    display = choose_display(console)
    try:
        result = run_spec(
            spec, state, Progress(display, expected={"train": 2}),
            ports={}, isolated=False, finish=finish,
        )  # fmt: skip
    except KubeloopError as exc:
        console.print(f"error: {exc}", markup=False)
        return 1
    finally:
        display.stop()
    if result.exit_status:
        console.print(f"version 1 was not served: see {state.root / 'runs' / 'latest'}")
    return 0 if timeline.has("quality is back") else 1


def _demonstrate(
    console: Console, folder: Path, stream: Stream, timeline: Timeline, alertmanager: str | None
) -> None:
    """Sends the stream, changes the world, and watches."""
    observation = Observation(stream.serving, stream.monitor, NAME)

    def tell(step: Step) -> None:
        console.print(timeline.line(step), soft_wrap=True)

    watch = Watch(stream, observation, timeline, tell, alertmanager)
    console.print(f"{CALM} transactions like those, {stream.rate:g} a second …")
    _send(stream, watch, CALM)
    change = (time.monotonic(), stream.next)
    timeline.change = change
    tell(timeline.note(CHANGED, *change, "stolen cards are tested by small payments online"))
    closed = stream.send_until(watch.closed, MOST)
    if closed:
        # So that the picture shows how the new version goes on.
        _send(stream, watch, CALM)
    console.print()
    console.print(timeline.table())
    picture = folder / "timeline.png"
    draw(picture, observation.moments, timeline, METRIC)
    console.print(f"{stream.next - HISTORY} requests sent, {stream.failed} failed")
    console.print(f"picture  {picture}")
    if not closed:
        missing = [name for name in watch.steps if not timeline.has(name)]
        console.print(f"the loop did not close within {MOST} rows: {', '.join(missing)} missing")


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
    parser.add_argument("--rate", type=float, default=100.0, help="transactions a second")
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
    return options


if __name__ == "__main__":
    sys.exit(main())
