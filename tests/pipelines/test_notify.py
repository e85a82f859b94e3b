"""The exit task in the real graph: what a webhook hears, and what becomes of the run."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from components.bundle import MANIFEST
from components.notify.webhook import ADDRESS_VARIABLE
from components.revision import REVISION_VARIABLE, source_revision
from pipelines.local.outputs import Outputs
from tests.pipelines.laptop import Laptop, process_says
from tests.serving import Collector

RUN = """\
import json, sys
from pathlib import Path
from pipelines.compile import compile_training
from pipelines.local.graph import run_graph, task_interpreter
folder, revision = Path(sys.argv[1]), sys.argv[2]
(folder / "training.yaml").write_text(compile_training(revision))
arguments = json.loads((folder / "arguments.json").read_text())
with task_interpreter(isolated=True):
    run_graph(folder / "training.yaml", arguments, folder / "root")
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


def revision(kept: Laptop) -> str:
    manifest = json.loads((Path(kept.result()["bundle"]) / MANIFEST).read_text(encoding="utf-8"))
    return str(manifest["revision"])


def broken_spec(kept: Laptop) -> str:
    """The last run's spec, but for a source that is not there."""
    path = kept.state / "runs" / "latest-visits" / "arguments.json"
    spec = json.loads(json.loads(path.read_text())["spec"])
    return json.dumps({**spec, "source": [str(kept.folder / "gone.csv")]})


def run(
    kept: Laptop,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    expected: str = "",
    **changes: str,
) -> tuple["subprocess.CompletedProcess[str]", dict[str, Any]]:
    """Runs the graph of the last run again; returns how that ended, and what `notify` kept.

    Args:
        kept: whose services it uses.
        folder: where everything goes.
        environment: of its tasks, which state the last run's code revision unless told.
        expected: the revision that it is compiled at, if not that one.
        changes: of its arguments.
    """
    before = kept.state / "runs" / "latest-visits"
    arguments = json.loads((before / "arguments.json").read_text())
    (folder / "arguments.json").write_text(json.dumps({**arguments, "run_id": "again", **changes}))
    own = revision(kept)
    done = subprocess.run(
        [sys.executable, "-P", "-c", RUN, str(folder), expected or own],
        cwd=folder,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "KUBELOOP_PRIVACY_KEY_FILE": str(kept.state / "privacy.key"),
            REVISION_VARIABLE: own,
            **(environment or {}),
        },
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
    done, notice = run(kept, tmp_path, webhook=webhook.url, spec=broken_spec(kept))
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


def test_webhook_of_a_secret_hears_of_a_run_that_names_none(
    kept: Laptop, tmp_path: Path, webhook: Collector
) -> None:
    secret = f"{webhook.url}/services/T0/B0/word"
    given = {ADDRESS_VARIABLE: f"{secret}\n"}
    done, notice = run(kept, tmp_path, given, spec=broken_spec(kept))
    assert webhook.paths == ["/services/T0/B0/word"]
    assert (notice["state"], notice["delivered"]) == ("failed", True)
    # Neither kfp nor a task has written it anywhere.
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in files if b"B0/word" in path.read_bytes()] == []
    assert "B0/word" not in done.stdout + done.stderr


def test_webhook_hears_of_a_run_that_was_refused_for_the_code_of_its_image(
    kept: Laptop, tmp_path: Path, webhook: Collector
) -> None:
    """The tasks' environment says what an image says; the compiled pipeline expects another."""
    done, _ = run(
        kept, tmp_path, {REVISION_VARIABLE: "0123abc"}, expected="4567def", webhook=webhook.url
    )
    assert done.returncode == 1
    told: list[Any] = webhook.batches
    assert [t["state"] for t in told] == ["failed"]
    assert "holds the code '0123abc', and the pipeline was compiled for '4567def'" in done.stdout
    outputs = Outputs(tmp_path / "root")
    assert [s for s in ("champion", "ingest", "train", "package") if outputs.finished(s)] == []


def test_bundle_states_what_the_image_states_whatever_compiled_the_pipeline(
    kept: Laptop, tmp_path: Path
) -> None:
    """A checkout knows its sources alone; the image that was built from them has a name."""
    done, _ = run(kept, tmp_path, {REVISION_VARIABLE: "release-7"}, expected=source_revision())
    assert done.returncode == 0, done.stdout + done.stderr
    bundle = Outputs(tmp_path / "root").path("package", "bundle")
    assert bundle
    manifest = json.loads((bundle / MANIFEST).read_text(encoding="utf-8"))
    assert manifest["revision"] == "release-7"


def test_run_without_webhook_says_nothing_of_the_exit_task(kept: Laptop) -> None:
    result = kept.result()
    assert result["status"] == "succeeded"
    assert "notify" not in result["stages"]
    notice = Outputs(kept.state / "runs" / "latest" / "artifacts").metadata("notify", "notice")
    assert (notice["delivered"], notice["reason"]) == (False, "no webhook was given")
