"""A changed world reaches a model: asked, told the truth, trained on what came of it, judged on it.

The tests stand in the order of a model's life. Server and monitor run all the while, as in service.
"""

import json
import re
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.bundle import read
from components.examples import read_examples, read_schema
from pipelines.local.outputs import Outputs
from tests.labelled import write_labelled
from tests.pipelines.laptop import Laptop, make_rows, process_says

ROWS = 400
AT_ONCE = 4
CHECKS = 82


def changed(count: int, seed: int, *, told: bool = True) -> tuple[Any, Any, list[str]]:
    """Rows of a world in which pages decide, and fewer are better; untold, nothing decides."""
    rows = make_rows(count, seed)
    generator = np.random.default_rng(seed)
    spent = [float(text) if text.strip() else None for text in rows["spent"]]
    pages = rows["pages"].to_list()
    noise = generator.normal(0, 0.5, count)
    logit = [(5.5 - page) / 1.5 * told + n for page, n in zip(pages, noise, strict=True)]
    strings = {name: rows[name].to_list() for name in ("plan", "member", "joined")}
    labels = ["yes" if value > 0 else "no" for value in logit]
    return {"spent": spent, "pages": pages}, strings, labels


def post(url: str, body: object, identity: str = "") -> Any:
    headers = {"Content-Type": "application/json"} | ({"Ce-Id": identity} if identity else {})
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.loads(answer.read())


def artifacts(laptop: Laptop) -> Outputs:
    return Outputs(laptop.state / "runs" / "latest" / "artifacts")


@pytest.fixture(scope="module")
def monitor(laptop: Laptop) -> Iterator[str]:
    """Version 1 is served; the monitor's address."""
    process = laptop.start("run", "spec.yaml", "--keep")
    try:
        screen = process_says(process, "Ctrl-C stops both")
        found = re.search(r"monitor at (\S+);", screen)
        assert found
        yield found[1]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def test_run_on_what_the_monitor_knows_of_a_changed_world_replaces_the_model(
    laptop: Laptop, monitor: str
) -> None:
    assert (laptop.served() or {})["version"] == 1
    numbers, strings, labels = changed(ROWS, 11)
    columns = {**numbers, **strings}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    endpoint = laptop.result()["endpoint"]
    for start in range(0, ROWS, AT_ONCE):
        post(endpoint, {"instances": rows[start : start + AT_ONCE]}, f"ask-{start}")
    truth = [
        {"id": f"ask-{i - i % AT_ONCE}:{i % AT_ONCE}", "label": label}
        for i, label in enumerate(labels)
    ]
    post(f"{monitor}/v1/feedback", truth)

    address = f"{monitor}/v1/models/visits/labelled.parquet?since=2020-01-01T00%3A00%3A00Z"
    done = laptop.run("run", "spec.yaml", "--fresh", address, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["status"], result["version"]) == ("succeeded", 2)
    assert result["champion"]["outcome"] == "replaced"
    fresh = result["data"]["fresh"]
    # The hold-out with which the first run has checked its endpoint is no news: the monitor keeps
    # it to itself.
    assert (fresh["rows"], fresh["left_out"], result["data"]["rows"]) == (ROWS, 0, 2 * ROWS)
    assert (fresh["since"], fresh["until"]) == ("2020-01-01T00:00:00Z", "")
    assert fresh["sources"] == laptop.result("latest-visits")["data"]["fresh"]["sources"]
    gain = next(gate for gate in result["gates"] if gate["name"] == "champion")
    assert gain["value"] > 0.1


def test_hold_out_of_both_is_the_newest_fifth_of_what_was_asked(laptop: Laptop) -> None:
    outputs = artifacts(laptop)
    test, train = outputs.path("prepare", "test"), outputs.path("prepare", "train")
    assert test
    assert train
    held = read_examples(test)
    assert held.fresh is not None
    assert held.fresh.all()
    numbers, _, _ = changed(ROWS, 11)
    place = held.schema.signature.numbers.index("pages")
    assert held.numbers[:, place].tolist() == numbers["pages"][-80:]
    schema = read_schema(train)
    assert schema.set_aside >= CHECKS
    assert schema.lineage.fresh is not None


def test_lineage_and_reference_of_the_new_version_tell_of_the_fresh_rows(laptop: Laptop) -> None:
    served = laptop.served()
    assert served
    fresh = read(Path(served["path"])).data.fresh
    assert fresh is not None
    assert fresh.rows == ROWS
    reference = json.loads((Path(served["path"]) / "reference.json").read_text())
    assert 200 < reference["rows"] <= 320
    shown = laptop.run("inspect", served["path"])
    assert f"{ROWS} of the rows, predicted from {fresh.first} to {fresh.last}" in shown.stdout
    card = (laptop.state / "runs" / "latest" / "card.md").read_text()
    assert f"- Of the rows {ROWS} are fresh: predicted from {fresh.first}" in card


def test_run_on_the_old_sources_alone_keeps_what_knows_more(laptop: Laptop) -> None:
    done = laptop.run("run", "spec.yaml", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "kept"
    assert (laptop.served() or {})["version"] == 2


def test_worse_challenger_is_refused_on_the_newest_fifth(laptop: Laptop) -> None:
    before = laptop.served()
    noise, world = changed(400, 12, told=False), changed(100, 13)
    numbers = {name: [*noise[0][name], *world[0][name]] for name in world[0]}
    strings = {name: [*noise[1][name], *world[1][name]] for name in world[1]}
    strings["member"] = ["true" if text == "Yes" else "false" for text in strings["member"]]
    target = ("returned", [*noise[2], *world[2]])
    write_labelled(laptop.folder / "worse.parquet", numbers, strings, target)
    done = laptop.run("run", "spec.yaml", "--fresh", "worse.parquet")
    assert done.returncode == 3, done.stderr
    result = laptop.result()
    assert (result["status"], result["data"]["fresh"]["rows"]) == ("refused", 500)
    assert [(g["name"], g["passed"]) for g in result["gates"]] == [("champion", False)]
    assert "500 of 900 rows" in done.stdout
    assert "the newest fifth is the hold-out" in done.stdout
    assert laptop.served() == before


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("gone.parquet", 1, "gone.parquet' cannot be used: source"),
        ("rows.csv", 1, "expected one Parquet file"),
        ("ftp://m/l.parquet", 2, "--fresh: got 'ftp://m/l.parquet', expected a path, or a URI"),
        ("http://u:SECRET@m/l.parquet", 2, "expected no password in a source"),
        ("sklearn://wine", 2, "expected the labelled rows of a served model, a Parquet file"),
    ],
)
def test_run_with_fresh_rows_of_no_use_says_so(
    laptop: Laptop, address: str, status: int, said: str
) -> None:
    before = laptop.served()
    done = laptop.run("run", "spec.yaml", "--fresh", address)
    assert done.returncode == status, done.stderr
    assert said in " ".join((done.stdout + done.stderr).split())
    assert "SECRET" not in done.stdout + done.stderr
    assert laptop.served() == before
