import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from components.monitor.thresholds import (
    LATENCY_MS,
    PSI,
    WINDOW,
    Thresholds,
    read_thresholds,
)
from components.monitor.versions import Version
from components.spec.sections import Monitor, Serve

Make = Callable[..., Version]


def with_bundle(version: Version, **changes: Any) -> Version:
    return replace(version, bundle=json.dumps(json.loads(version.bundle) | changes))


def test_read_thresholds_defaults_are_those_of_the_spec(version: Make) -> None:
    assert (Monitor().window, Monitor().drift.psi) == (WINDOW, PSI)
    assert Serve().latency_ms == LATENCY_MS
    assert read_thresholds(version()) == Thresholds()


def test_read_thresholds_spec_of_the_bundle_counts(version: Make) -> None:
    spec = {
        "monitor": {"window": 50, "drift": {"psi": 0.1}, "quality": {"f1": {"min": 0.8}}},
        "serve": {"latency_ms": 20},
    }
    made = with_bundle(version(), spec=spec, trained_at="2026-11-20T12:00:00Z")
    assert read_thresholds(made) == Thresholds(50, 0.1, 0.02, 1, 1_795_176_000_000_000)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(None, id="none"),
        pytest.param([], id="list"),
        pytest.param({"monitor": 7}, id="section"),
        pytest.param({"monitor": {"window": "50", "drift": []}}, id="types"),
        pytest.param({"monitor": {"window": 9, "drift": {"psi": 0}}}, id="range"),
        pytest.param({"serve": {"latency_ms": 0}, "monitor": {"quality": 1}}, id="others"),
        pytest.param({"monitor": {"window": True, "drift": {"psi": True}}}, id="booleans"),
    ],
)
def test_read_thresholds_anything_else_is_the_default(version: Make, spec: object) -> None:
    assert read_thresholds(with_bundle(version(), spec=spec, trained_at=5)) == Thresholds()
