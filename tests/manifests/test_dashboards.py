"""Grafana's dashboards: built from code, and each panel asks what Prometheus can answer."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.manifests.rendered import MANIFESTS, OVERLAYS, needs_kubectl, of_kind, overlay
from tests.manifests.rule_cases import needs_promtool, promtool, recorded, written_groups

FOLDER = MANIFESTS / "base" / "monitoring" / "dashboards"
FILES = sorted(FOLDER.glob("*.json"))
# What Grafana puts in the place of a variable.
VALUES = {"$__rate_interval": "5m", "$namespace": ".*", "$model": "churn|taxis", "$version": "3"}


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def panels(path: Path) -> list[dict[str, Any]]:
    return [panel for panel in read(path)["panels"] if panel["type"] != "row"]


def expressions(path: Path) -> list[str]:
    """What a dashboard's panels ask, and its variables, with values in the place of names."""
    texts = [target["expr"] for panel in panels(path) for target in panel["targets"]]
    for variable in read(path)["templating"]["list"]:
        found = re.fullmatch(r"label_values\((.+), \w+\)", str(variable["query"]))
        texts += [found[1]] if found else []
    for name, value in VALUES.items():
        texts = [text.replace(name, value) for text in texts]
    return texts


def as_rules(texts: list[str]) -> list[dict[str, Any]]:
    rules = [{"record": f"panel:{i}:value", "expr": text} for i, text in enumerate(texts)]
    return [{"name": "panels", "rules": rules}]


def test_dashboards_are_what_the_builder_writes(tmp_path: Path) -> None:
    call = [sys.executable, str(FOLDER / "build.py"), str(tmp_path)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert written == {path.name: path.read_text(encoding="utf-8") for path in FILES}
    assert len(written) == 3


@needs_kubectl
@pytest.mark.parametrize("name", OVERLAYS)
def test_dashboards_reach_grafana_whole(name: str) -> None:
    (found,) = (
        d
        for d in of_kind(overlay(name), "ConfigMap")
        if d["metadata"]["name"] == "kubeloop-dashboards"
    )
    grafana = yaml.safe_load(
        (MANIFESTS / "platform" / "08-prometheus" / "grafana.yaml").read_text(encoding="utf-8")
    )
    assert found["metadata"]["namespace"] == grafana["metadata"]["namespace"]
    (volume,) = grafana["spec"]["template"]["spec"]["volumes"]
    assert volume["configMap"]["name"] == found["metadata"]["name"]
    assert set(found["data"]) == {path.name for path in FILES}
    for path in FILES:
        assert json.loads(found["data"][path.name]) == read(path)
    # The API server takes no ConfigMap above 1 MiB.
    assert sum(map(len, found["data"].values())) < 2**20


@needs_promtool
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_panel_asks_what_prometheus_understands(path: Path, tmp_path: Path) -> None:
    texts = expressions(path)
    assert [text for text in texts if "$" in text] == []
    done = promtool(tmp_path, as_rules(texts), "check", "rules", "rules.yaml")
    assert done.returncode == 0, done.stderr


@needs_promtool
def test_panel_with_an_expression_that_is_none_is_refused(tmp_path: Path) -> None:
    for broken in ("sum by (a (b)", "rate(kubeloop_requests_total[$__rate_interval])"):
        done = promtool(tmp_path, as_rules([broken]), "check", "rules", "rules.yaml")
        assert done.returncode != 0


def test_every_recorded_series_of_a_panel_is_recorded() -> None:
    rules = [rule for group in written_groups() for rule in group["rules"]]
    known = {rule["record"] for rule in rules if "record" in rule}
    asked = {
        name for path in FILES for text in expressions(path) for name in recorded({"expr": text})
    }
    assert asked
    assert asked <= known


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_panel_says_what_it_shows_and_stands_by_itself(path: Path) -> None:
    document = read(path)
    assert document["uid"] == path.stem
    taken: set[tuple[int, int]] = set()
    for panel in document["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    assert max(x for x, _ in taken) < 24
    for panel in panels(path):
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["options"] is not None
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all(target["legendFormat"] for target in panel["targets"])
    titles = [panel["title"] for panel in panels(path)]
    assert len(titles) == len(set(titles))
