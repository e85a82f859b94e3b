"""What a run prints at its end: stages, candidates, gates, the model and where everything lies."""

import shlex

from rich.console import Console
from rich.table import Table

from pipelines.local.result import Result, Status
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
        console.print(f"[red]{result.error.stage}[/red] failed:", highlight=False)
        console.print(result.error.message, markup=False, style="red")
        if result.error.log:
            console.print(f"log       {result.error.log}", markup=False)
    if result.requests.sent:
        sent, failed = result.requests.sent, result.requests.failed
        served = ", ".join(f"{int(n)} {name}" for name, n in result.served_metrics.items())
        console.print(f"requests  {sent} sent, {failed} failed; both /metrics say: {served}")
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
        table.add_row(candidate.name, f"{candidate.score:.4f}", said)
    return table


def _metrics(result: Result) -> Table:
    table = _table("metric (test)", "value", "low", "high")
    for name, interval in result.metrics["test"].items():
        table.add_row(name, *(f"{v:.4f}" for v in (interval.value, interval.low, interval.high)))
    return table


def _gates(result: Result) -> Table:
    table = _table("gate", "value", "threshold", "passed", numbers=2)
    for gate in result.gates:
        passed = "[green]yes[/green]" if gate.passed else "[red]no[/red]"
        table.add_row(gate.name, f"{gate.value:.4f}", f"{gate.threshold:g}", passed)
    return table


def _fate(result: Result) -> str:
    champion = result.champion
    before = f"version {champion.version}" if champion and champion.version else None
    if result.status is Status.SUCCEEDED:
        follows = f", replacing {before}" if before else ", the first champion"
        return f"{result.name} version {result.version} is served{follows}"
    if result.status is Status.KEPT:
        return f"data, spec and code are {before}'s, which stays champion"
    stays = f"{before} stays in service" if before else "nothing is served"
    if result.status is Status.REFUSED:
        return f"the gates refused the model; {stays}"
    return stays


def _table(*columns: str, numbers: int = 3) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if 0 < index <= numbers else "left")
    return table


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
