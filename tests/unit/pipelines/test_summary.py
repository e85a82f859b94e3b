import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from components.bundle import Interval
from components.evaluation import Score
from components.spec import parse
from pipelines.local.progress import Progress, choose_display
from pipelines.local.result import (
    ChampionResult,
    ErrorResult,
    GateResult,
    RequestsResult,
    Result,
    Status,
)
from pipelines.local.run import Run
from pipelines.local.services import Services
from pipelines.summary import print_summary

SPEC = "name: visits\ntask: binary\nsource: rows.csv\ntarget: y\n"


def summary(status: Status, **known: Any) -> str:
    console = Console(file=io.StringIO(), width=200, highlight=False, soft_wrap=True)
    progress = Progress(choose_display(console))
    run = Run(parse(SPEC), Path("/runs/r"), Services("", "", {}), progress, None)
    result = Result(run_id="r", status=status, name="visits", task="binary", **known)
    print_summary(console, run, result, kept=False)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def champion(version: int | None, outcome: str, served: int | None) -> ChampionResult:
    return ChampionResult(version=version, outcome=outcome, served=served)


@pytest.mark.parametrize(
    ("status", "fate", "said"),
    [
        (
            "succeeded",
            champion(1, "replaced", 2),
            "visits version 2 is served, replacing version 1",
        ),
        (
            "succeeded",
            champion(None, "crowned first", 1),
            "visits version 1 is served, the first champion",
        ),
        ("failed", champion(1, "replaced", 2), "visits version 2 is served, replacing version 1"),
        ("failed", champion(None, "stays", 4), "version 4 stays in service"),
        ("failed", champion(None, "none", None), "nothing is served"),
        ("failed", champion(1, "none", None), "nothing is served"),
        (
            "refused",
            champion(3, "stays", 3),
            "the gates refused the model; version 3 stays in service",
        ),
        (
            "kept",
            champion(3, "kept", 3),
            "data, spec and code are version 3's, which stays champion",
        ),
    ],
)
def test_summary_says_what_is_served(status: str, fate: ChampionResult, said: str) -> None:
    assert f"{status} in 0.0 s: {said}\n" in summary(Status(status), champion=fate)


def test_summary_shows_brackets_as_they_are() -> None:
    shown = summary(
        Status.FAILED,
        candidates=[Score(name="m[ab]", score=0.5, params={"of": "[/b]"})],
        metrics={"test": {"[red]": Interval(value=0.5, low=0.4, high=0.6)}},
        gates=[GateResult(name="a[/b]", value=1.0, threshold=0.5, passed=True)],
        error=ErrorResult(stage="[/validate]", message="column 'weight [kg]'", log="[l]"),
    )
    for text in ("m[ab]", "of=[/b]", "[red]", "a[/b]", "[/validate] failed:", "weight [kg]", "[l]"):
        assert text in shown


def test_summary_of_requests_without_figures_names_none() -> None:
    shown = summary(Status.FAILED, requests=RequestsResult(sent=3, failed=0))
    assert "requests  3 sent, 0 failed\n" in shown
