import json
from typing import Any

import pytest

from components.bundle import DataLineage, Golden, Manifest
from components.contract import Lineage
from components.evaluation import Decision, Evaluation
from components.examples import Dropped, ExampleSchema
from components.package.card import _cell, _code, render
from components.signature import Feature, Signature
from tests.tables import spec_of

SIGNATURE = Signature(inputs=(Feature(name="x", dtype="float32"),), outputs=())
LINEAGE = Lineage(run_id="r", rows=90, columns=3, fingerprint="sha256:0")


def card(shared_rows: int = 0, dropped: tuple[Dropped, ...] = (), **spec: Any) -> str:
    manifest = Manifest(
        name="m",
        task="regression",
        runtime="onnx",
        signature=SIGNATURE,
        classes=None,
        threshold=None,
        golden=Golden(rows=()),
        data=DataLineage(rows=90, columns=3, fingerprint="sha256:0"),
        spec=json.loads(spec_of("regression", **spec).to_json()),
        metrics={},
        libraries={},
        revision="abc",
        run_id="r",
        trained_at="2026-01-01T00:00:00Z",
    )
    evaluation = Evaluation(
        decision=Decision.APPROVED,
        best="linear",
        metric="rmse",
        candidates=(),
        metrics={"test": {}},
        gates=(),
        champion=None,
        confusion=None,
        classes=None,
    )
    schema = ExampleSchema(
        signature=SIGNATURE,
        target="target",
        classes=None,
        lineage=LINEAGE,
        dropped=dropped,
        shared_rows=shared_rows,
    )
    return render(manifest, evaluation, schema, None, "")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({}, "Rows were split by a stable hash of the row, seed 7: 0.2 for testing and 0.2 for"),
        ({"id": "k"}, "by a stable hash of `k`, seed 7"),
        ({"split": {"method": "group", "group": "g"}}, "by whole groups of `g`, seed 7"),
        ({"split": {"method": "time"}, "timestamp": "t"}, "by `t`, the latest rows held out"),
    ],
)
def test_render_says_how_rows_were_split(spec: dict[str, Any], said: str) -> None:
    text = card(**spec)
    assert said in text
    assert "held-out rows equal" not in text
    assert "left out" not in text


def test_render_says_how_many_rows_the_parts_share() -> None:
    assert "1,234 held-out rows equal a row of an earlier part" in card(shared_rows=1234)


def test_render_lists_the_features_left_out_and_why() -> None:
    text = card(dropped=(Dropped(name="a|b", reason="correlates above 0.999 with 'x'"),))
    assert "## Features left out" in text
    assert "| a\\|b | correlates above 0.999 with 'x' |" in text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", "`plain`"),
        (True, "`True`"),
        ("two\nlines", "`two lines`"),
        ("a`b", "`` a`b ``"),
        ("a``b", "``` a``b ```"),
    ],
)
def test_code_of_any_value_stays_one_code_span(value: object, written: str) -> None:
    assert _code(value) == written


def test_cell_stays_one_cell() -> None:
    assert _cell("a|b\nc") == "a\\|b c"
