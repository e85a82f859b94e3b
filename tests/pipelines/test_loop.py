"""The whole loop as a user runs it: one state folder, one run after the other.

The tests stand in the order of a model's life, and each builds on the version that the ones before
have left in service.
"""

import json
import re
import signal
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from components.candidate import load_pipeline
from components.examples import client_rows, read_examples
from components.runners import raw_scores
from pipelines.local.outputs import Outputs
from tests.pipelines.laptop import Laptop, process_says

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")


def ask(url: str, body: object) -> Any:
    data = json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.loads(answer.read())


def test_run_serves_first_version_that_answers_as_the_pipeline(laptop: Laptop) -> None:
    process = laptop.start("run", "spec.yaml", "--keep")
    screen = process_says(process, "Ctrl-C stops both")
    result = laptop.result()
    assert result["status"] == "succeeded"
    assert (result["version"], result["champion"]["outcome"]) == (1, "crowned first")

    outputs = Outputs(laptop.state / "runs" / "latest" / "artifacts")
    best, test = outputs.path("evaluate", "best"), outputs.path("prepare", "test")
    assert best
    assert test
    examples = read_examples(test)
    raw = raw_scores(load_pipeline(best), examples.numbers, examples.strings)
    expected = ["yes" if p >= 0.5 else "no" for p in raw[:, 1]]
    rows = client_rows(examples)
    assert [row["joined"] for row in rows if row["joined"]] != []
    assert ask(result["endpoint"], {"instances": rows})["predictions"] == expected

    url = result["endpoint"].replace("/v1/", "/v2/").replace(":predict", "/infer")
    datatypes = {f.name: f.dtype for f in examples.schema.signature.inputs}
    body = {
        "inputs": [
            {
                "name": name,
                "shape": [3],
                "datatype": "FP32" if dtype == "float32" else "BYTES",
                "data": [row[name] for row in rows[:3]],
            }
            for name, dtype in datatypes.items()
        ]
    }
    answers = {output["name"]: output for output in ask(url, body)["outputs"]}
    assert answers["label"]["data"] == expected[:3]
    flat = raw[:3].reshape(-1).tolist()
    assert answers["probabilities"]["data"] == pytest.approx(flat, abs=1e-5)

    curl = re.search(r"curl -s .*", screen)
    assert curl
    shell = subprocess.run(["bash", "-c", curl[0]], capture_output=True, text=True, check=True)  # noqa: S603
    assert json.loads(shell.stdout)["predictions"] == expected[:1]

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert laptop.processes() == []


def test_result_holds_what_the_readme_says(laptop: Laptop) -> None:
    result = laptop.result("latest-visits")
    assert result == laptop.result()
    assert result["task"] == "binary"
    assert result["data"]["rows"] == 400
    assert result["data"]["columns"] == 8
    assert result["data"]["fingerprint"].startswith("sha256:")
    assert [c["name"] for c in result["candidates"]] == ["logistic"]
    assert result["metrics"]["test"].keys() >= {"roc_auc", "accuracy", "f1", "log_loss"}
    auc = result["metrics"]["test"]["roc_auc"]
    assert auc["low"] <= auc["value"] <= auc["high"]
    assert auc["value"] > 0.85
    assert result["requests"]["failed"] == 0
    test = Outputs(laptop.state / "runs" / "latest" / "artifacts").path("prepare", "test")
    assert test
    rows = len(read_examples(test))
    assert result["requests"]["sent"] == rows
    assert result["served_metrics"] == {"requests": rows, "events": rows, "labelled": rows}
    stages = ["ingest", "validate", "champion", "prepare", "train", "evaluate", "package"]
    stages += ["register", "deploy", "crown"]
    assert set(result["stages"]) == {*stages, "requests"}
    for name in stages:
        timed = result["stages"][name]
        assert 0 <= timed["logic_seconds"] <= timed["seconds"]
    for key in ("bundle", "report", "card"):
        assert Path(result[key]).exists()
    assert result["error"] is None


def test_run_leaves_no_private_value_behind(laptop: Laptop) -> None:
    found = [
        str(path)
        for path in laptop.state.rglob("*")
        if path.is_file() and b"@example.org" in path.read_bytes()
    ]
    assert found == []


def test_run_again_keeps_the_champion(laptop: Laptop) -> None:
    before = laptop.served()
    done = laptop.run("run", "spec.yaml", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["status"], result["version"]) == ("kept", 1)
    assert result["champion"] == {"version": 1, "outcome": "kept", "served": 1}
    assert result["requests"]["failed"] == 0
    assert "package" not in result["stages"]
    assert laptop.served() == before


def test_run_refused_by_gate_leaves_served_model(laptop: Laptop) -> None:
    before = laptop.served()
    done = laptop.run("run", "spec.yaml", "--set", "gates.metrics.roc_auc.min=0.99999")
    assert done.returncode == 3, done.stderr
    result = laptop.result()
    assert (result["status"], result["version"]) == ("refused", None)
    assert [(g["name"], g["passed"]) for g in result["gates"]] == [
        ("roc_auc", False),
        ("champion", True),
    ]
    assert "version 1 stays in service" in done.stdout
    assert {"package", "register", "deploy", "crown"} & set(result["stages"]) == set()
    assert laptop.served() == before


def test_run_with_failing_stage_shows_its_own_message(laptop: Laptop) -> None:
    before = laptop.served()
    done = laptop.run("run", "spec.yaml", "--set", "columns.plan.type=number")
    assert done.returncode == 1
    result = laptop.result()
    assert result["status"] == "failed"
    assert result["error"]["stage"] == "validate"
    assert "column 'plan': not_a_number in 400 rows" in result["error"]["message"]
    assert "column 'plan': not_a_number in 400 rows" in done.stdout
    assert Path(result["report"]).exists()
    assert laptop.served() == before
    assert laptop.processes() == []


def test_second_version_then_rollback(laptop: Laptop) -> None:
    done = laptop.run("run", "spec.yaml", "--set", "search.seed=13", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["status"] == "succeeded"
    assert result["champion"]["outcome"] == "replaced"
    second = result["version"]
    assert second > 1
    assert (laptop.served() or {})["version"] == second

    back = laptop.run("rollback", "visits", "--to", "1")
    assert back.returncode == 0, back.stderr
    assert f"visits version 1 is champion and served, replacing version {second}" in back.stdout
    assert (laptop.served() or {})["version"] == 1
    status = laptop.run("status", "visits")
    assert "version 1 is served" in status.stdout
    assert re.search(r"^1 +champion, served", status.stdout, re.MULTILINE)
    nowhere = laptop.run("rollback", "visits", "--to", "99")
    assert nowhere.returncode == 1
    assert "model 'visits' has no version 99: versions are" in nowhere.stderr


def test_clean_keeps_what_is_served(laptop: Laptop) -> None:
    served = laptop.served()
    assert served
    done = laptop.run("clean", "--keep", "0")
    assert done.returncode == 0, done.stderr
    assert Path(served["path"]).is_dir()
    runs = [r for r in (laptop.state / "runs").iterdir() if not r.is_symlink()]
    assert len(runs) <= 4
    links = [r for r in (laptop.state / "runs").iterdir() if r.is_symlink()]
    assert [link.name for link in links if not link.exists()] == []
