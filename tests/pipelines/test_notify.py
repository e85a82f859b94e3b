"""The exit task in the real graph: what a webhook hears, and what becomes of the run."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.local.outputs import Outputs
from tests.pipelines.laptop import Laptop, process_says
from tests.serving import Collector

RUN = """\
import json, sys
from pathlib import Path
from pipelines.local.graph import run_graph, task_interpreter
with task_interpreter(isolated=True):
    run_graph(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()), Path(sys.argv[3]))
"""


@pytest.fixture(scope="module")
def kept(laptop: Laptop) -> Iterator[Laptop]:
    """A model in service, and the services that a second run of the graph may use."""
    process = laptop.start("run", "spec.yaml", "--keep")
    process_says(process, "Ctrl-C stops both")
    yield laptop
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.fixture
def webhook() -> Iterator[Collector]:
    server = Collector()
    yield server
    server.close()


def run(
    kept: Laptop, folder: Path, **changes: str
) -> tuple["subprocess.CompletedProcess[str]", dict[str, Any]]:
    """Runs the graph of the last run again; returns how that ended, and what `notify` kept."""
    before = kept.state / "runs" / "latest-visits"
    arguments = json.loads((before / "arguments.json").read_text())
    (folder / "arguments.json").write_text(json.dumps({**arguments, "run_id": "again", **changes}))
    paths = [str(before / "training.yaml"), str(folder / "arguments.json"), str(folder / "root")]
    done = subprocess.run(
        [sys.executable, "-P", "-c", RUN, *paths],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "KUBELOOP_PRIVACY_KEY_FILE": str(kept.state / "privacy.key")},
        timeout=300,
    )
    return done, Outputs(folder / "root").metadata("notify", "notice")


def test_webhook_hears_of_a_run_that_succeeded(
    kept: Laptop, tmp_path: Path, webhook: Collector
) -> None:
    done, notice = run(kept, tmp_path, webhook=f"{webhook.url}/hook")
    assert done.returncode == 0, done.stdout + done.stderr
    assert webhook.paths == ["/hook"]
    told: list[Any] = webhook.batches
    assert [t["text"] for t in told] == ["Kubeloop: training run again of visits succeeded"]
    assert (told[0]["state"], told[0]["run"]) == ("succeeded", "again")
    assert (notice["state"], notice["delivered"], notice["reason"]) == ("succeeded", True, "")


def test_webhook_hears_of_a_run_that_failed_once(
    kept: Laptop, tmp_path: Path, webhook: Collector
) -> None:
    spec = json.loads((kept.state / "runs" / "latest-visits" / "arguments.json").read_text())[
        "spec"
    ]
    broken = json.dumps({**json.loads(spec), "source": [str(kept.folder / "gone.csv")]})
    done, notice = run(kept, tmp_path, webhook=webhook.url, spec=broken)
    assert done.returncode == 1
    told: list[Any] = webhook.batches
    assert [(t["state"], t["model"]) for t in told] == [("failed", "visits")]
    assert (notice["state"], notice["delivered"]) == ("failed", True)
    assert "Retrying" not in done.stdout + done.stderr


def test_webhook_that_nobody_answers_changes_no_outcome_and_is_told(
    kept: Laptop, tmp_path: Path
) -> None:
    done, notice = run(kept, tmp_path, webhook="http://127.0.0.1:1/secret")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (notice["state"], notice["delivered"]) == ("succeeded", False)
    reason = "webhook at '127.0.0.1' cannot be reached (Connection refused)"
    assert notice["reason"] == reason
    assert f"the end of run 'again' was not reported: {reason}" in done.stdout


def test_run_without_webhook_says_nothing_of_the_exit_task(kept: Laptop) -> None:
    result = kept.result()
    assert result["status"] == "succeeded"
    assert "notify" not in result["stages"]
    notice = Outputs(kept.state / "runs" / "latest" / "artifacts").metadata("notify", "notice")
    assert (notice["delivered"], notice["reason"]) == (False, "no webhook was given")
