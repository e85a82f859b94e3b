"""One `kubeloop run` at a terminal: progress while it works, the summary, waiting with --keep."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from components.spec import Spec, plan
from pipelines.local.engine import run_spec
from pipelines.local.progress import Progress, choose_display
from pipelines.local.result import Result
from pipelines.local.run import Run
from pipelines.local.state import open_state
from pipelines.screen import open_console
from pipelines.summary import print_summary


@dataclass(frozen=True)
class Call:
    """How a run was asked for.

    Attributes:
        ports: ports that were asked for, by service.
        fresh: address of labelled rows since the last run; empty for none.
        keep: whether server and monitor stay up until Ctrl-C.
        as_json: whether stdout holds the result alone; the rest goes to stderr.
        isolated: whether each task starts an interpreter of its own, as on a cluster.
    """

    ports: Mapping[str, int]
    fresh: str = ""
    keep: bool = False
    as_json: bool = False
    isolated: bool = False


def run_once(spec: Spec, folder: Path, call: Call) -> int:
    """Runs a spec and shows it.

    Args:
        spec: what to run.
        folder: the state folder.
        call: how it was asked for.

    Returns:
        The exit status.
    """
    console = open_console(stderr=call.as_json)
    state = open_state(folder)
    console.print(Text.assemble((spec.name, "bold"), f"  {spec.task}  {', '.join(spec.source)}"))

    display = choose_display(console)
    progress = Progress(display, expected={"train": len(plan(spec))})

    def finish(run: Run, result: Result) -> None:
        display.stop()
        if call.as_json:
            print(json.dumps(result.document(), indent=1, ensure_ascii=False), flush=True)
        print_summary(console, run, result, kept=call.keep)
        if call.keep and result.champion and result.champion.served:
            wait_for_ctrl_c(console, run.services.serving, run.services.monitor)

    try:
        result = run_spec(
            spec,
            state,
            progress,
            ports=dict(call.ports),
            fresh=call.fresh,
            isolated=call.isolated,
            finish=finish,
        )
        return result.exit_status
    finally:
        display.stop()


def wait_for_ctrl_c(console: Console, serving: str, monitor: str) -> None:
    """Says where both services are and waits for Ctrl-C, which here is the ordinary end.

    Args:
        console: where to say so.
        serving: the model server's URL.
        monitor: the monitor's.
    """
    try:
        # Within, for who reads the line may press before it is wholly printed.
        console.print(f"serving at {serving}, monitor at {monitor}; Ctrl-C stops both")
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print("stopping")
