"""What a run prints at its end: stages, candidates, gates, the model and where everything lies."""

import shlex
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.local.result import DataResult, Result, Status
from pipelines.local.run import Run

_COLOURS = {
    Status.SUCCEEDED: "green",
    Status.KEPT: "green",
    Status.FAILED: "red",
    Status.REFUSED: "yellow",
}


def print_summary(console: Console, run: Run, result: Result, *, kept: bool) -> None:
    """Prints the summary.

    Args:
        console: where to.
        run: names the services and holds an example request.
        result: what the run came to.
        kept: whether the services stay up after it.
    """
    console.print()
    console.print(_stages(result))
    if result.candidates:
        console.print(_candidates(result, run.spec.search.metric))
    if result.metrics:
        console.print(_metrics(result))
    if result.gates:
        console.print(_gates(result))
    colour = _COLOURS[result.status]
    console.print(f"[bold {colour}]{result.status}[/] in {result.seconds:.1f} s: {_fate(result)}")
    if result.error:
        console.print(Text.assemble((result.error.stage, "red"), " failed:"))
        console.print(result.error.message, markup=False, style="red")
        if result.error.log:
            console.print(f"log       {result.error.log}", markup=False)
    _print_fresh(console, result.data)
    if result.requests.sent:
        sent, failed = result.requests.sent, result.requests.failed
        counted = ", ".join(f"{int(n)} {name}" for name, n in result.served_metrics.items())
        said = f"; both /metrics say: {counted}" if counted else ""
        console.print(f"requests  {sent} sent, {failed} failed{said}")
    for label, place in (
        ("report", result.report),
        ("card", result.card),
        ("bundle", result.bundle),
        ("result", str(run.folder / "result.json")),
    ):
        if place:
            console.print(f"{label:<9} {place}", markup=False)
    if result.endpoint and run.traffic:
        body = shlex.quote(run.traffic.example)
        hint = "" if kept else "   # with --keep"
        header = "-H 'Content-Type: application/json'"
        console.print(f"curl -s {header} -d {body} {result.endpoint}{hint}", markup=False)


def _print_fresh(console: Console, data: DataResult | None) -> None:
    if data and (fresh := data.fresh):
        told = f"{fresh.rows:,} of {data.rows:,} rows, predicted {fresh.first} to {fresh.last}"
        console.print(f"fresh     {told}; the newest fifth is the hold-out", markup=False)


def _stages(result: Result) -> Table:
    table = _table("stage", "seconds", "logic", "peak MiB")
    for name, stage in result.stages.items():
        logic = "" if stage.logic_seconds is None else f"{stage.logic_seconds:.2f}"
        peak = "" if stage.peak_bytes is None else f"{stage.peak_bytes / 2**20:.0f}"
        table.add_row(name, f"{stage.seconds:.1f}", logic, peak)
    return table


def _candidates(result: Result, metric: str) -> Table:
    table = _table("candidate", f"{metric} (validation)", "parameters", numbers=1)
    for candidate in result.candidates:
        said = ", ".join(f"{k}={_short(v)}" for k, v in candidate.params.items())
        table.add_row(Text(candidate.name), f"{candidate.score:.4f}", Text(said))
    return table


def _metrics(result: Result) -> Table:
    table = _table("metric (test)", "value", "low", "high")
    for name, interval in result.metrics["test"].items():
        values = (interval.value, interval.low, interval.high)
        table.add_row(Text(name), *(f"{v:.4f}" for v in values))
    return table


def _gates(result: Result) -> Table:
    table = _table("gate", "value", "threshold", "passed", numbers=2)
    for gate in result.gates:
        passed = "[green]yes[/green]" if gate.passed else "[red]no[/red]"
        table.add_row(Text(gate.name), f"{gate.value:.4f}", f"{gate.threshold:g}", passed)
    return table


def _fate(result: Result) -> str:
    champion = result.champion
    before = f"version {champion.version}" if champion and champion.version else None
    if result.status is Status.KEPT:
        return f"data, spec and code are {before}'s, which stays champion"
    if champion is None or champion.served is None:
        fate = "nothing is served"
    elif champion.outcome == "stays":
        fate = f"version {champion.served} stays in service"
    else:
        # Also of a run that failed after its model was crowned.
        follows = f", replacing {before}" if before else ", the first champion"
        fate = f"{result.name} version {champion.served} is served{follows}"
    return f"the gates refused the model; {fate}" if result.status is Status.REFUSED else fate


def _table(*columns: str, numbers: int = 3) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for index, column in enumerate(columns):
        side: Literal["left", "right"] = "right" if 0 < index <= numbers else "left"
        table.add_column(column, justify=side, overflow="fold")
    return table


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
