"""What a spec says about retraining, read from the bundle of a registered version.

A bundle carries the spec that its model was trained by, so the monitor needs no file and no user to
know the rules of a model. Bundles that were made before a key existed get its default.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from components.monitor.versions import Version
from components.monitor.wire import is_number

SECOND: Final = 1_000_000
"""Microseconds, the unit of all times in the monitor."""

DEFAULTS: Final[Mapping[str, Any]] = {
    "on": ["drift", "quality"],
    "cooldown_s": 3600.0,
    "min_labels": 500,
    "max_per_day": 4,
    "every_s": None,
}
"""As `components.spec` has them, which is not in the monitor's image; a test compares the two."""

MIN_ROWS: Final = 50
"""The default of `checks.min_rows`: a run refuses fewer fresh rows."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The section `monitor.retrain` of a spec.

    Attributes:
        on: the verdicts that start a run: `drift`, `quality`.
        cooldown: microseconds from the end of a run to the start of the next.
        min_labels: new labelled rows that a run needs.
        max_per_day: runs within 24 hours.
        every: microseconds after which a run starts without a verdict; None for never.
        min_rows: with fewer new labelled rows a run is not given any, for it would refuse them.
    """

    on: frozenset[str]
    cooldown: int
    min_labels: int
    max_per_day: int
    every: int | None
    min_rows: int = MIN_ROWS


def read_spec(version: Version) -> dict[str, Any]:
    """Returns the spec that a version was trained by; empty where its bundle names none."""
    spec = json.loads(version.bundle).get("spec")
    return spec if isinstance(spec, dict) else {}


def read_policy(spec: Mapping[str, Any]) -> Policy:
    """Reads the rules of a spec.

    Args:
        spec: as `bundle.json` holds it; what it lacks, or holds of another type, is the default.

    Returns:
        The rules.
    """
    stated = _section(_section(spec, "monitor"), "retrain")
    least = _number(_section(spec, "checks").get("min_rows"), least=1.0)
    on = stated.get("on", DEFAULTS["on"])
    every = _number(stated.get("every_s"), least=0.0)
    return Policy(
        on=frozenset(map(str, on if isinstance(on, list) else DEFAULTS["on"])),
        cooldown=_microseconds(_stated(stated, "cooldown_s", least=0.0)),
        min_labels=int(_stated(stated, "min_labels", least=1.0)),
        max_per_day=int(_stated(stated, "max_per_day", least=1.0)),
        every=_microseconds(every) if every else None,
        min_rows=MIN_ROWS if least is None else int(least),
    )


def _section(spec: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = spec.get(key)
    return found if isinstance(found, Mapping) else {}


def _stated(section: Mapping[str, Any], key: str, *, least: float) -> float:
    found = _number(section.get(key), least=least)
    return float(DEFAULTS[key]) if found is None else found


def _number(value: object, *, least: float) -> float | None:
    return float(value) if is_number(value) and value >= least else None


def _microseconds(seconds: float) -> int:
    """Rounded up, so that a wait that is not 0 stays one; at most what a store's integer holds."""
    return math.ceil(min(seconds, 1e12) * SECOND)
