"""What a version was promoted on, and what its spec asks of live predictions."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TEST_PART = 0.2
# Where the bundle does not say: few, which makes the expected share of errors a careful one.
_FEW_ROWS = 100


@dataclass(frozen=True, slots=True)
class Bounds:
    """A metric of the hold-out with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Expectations:
    """What labelled rows are held against.

    Attributes:
        holdout: the hold-out's metrics by name.
        holdout_rows: about how many rows they were measured on.
        limits: least and greatest value by metric (`monitor.quality`); None where there is none.
    """

    holdout: Mapping[str, Bounds]
    holdout_rows: int
    limits: Mapping[str, tuple[float | None, float | None]]

    @property
    def error_rate(self) -> float | None:
        """The share of errors that is to be expected of a classification; None if unknown.

        Half way from the hold-out's share to the worse end of its interval, about one standard
        error, and never less than half an error in all its rows (Jeffreys), since none seen is not
        none. Measured on an error of 0.10, judging the newest 1000 labels, with hold-outs of 300,
        1000 and 5000 rows: false alarms in 10,000 labels 0.06, 0.04 and 0.02, and labels (median)
        until a rise to 0.15 is found 1175, 800 and 600. The share itself cries wolf (0.21, 0.13,
        0.08), the end of the interval is half blind (never found within 6000 labels in 0.53, 0.20
        and 0.00).
        """
        accuracy = self.holdout.get("accuracy")
        if accuracy is None:
            return None
        rate = max(1 - (accuracy.value + accuracy.low) / 2, 0.5 / (self.holdout_rows + 1))
        return rate if rate < 1 else None

    @property
    def usual_error(self) -> float | None:
        """The absolute error that half of a regression's rows keep below; None if unknown.

        Half way from the hold-out's to the greater end of its interval, as for `error_rate`.
        """
        median = self.holdout.get("median_ae")
        usual = 0.0 if median is None else (median.value + median.high) / 2
        return usual if usual > 0 else None


def read_expectations(bundle: Mapping[str, Any]) -> Expectations:
    """Reads them from `bundle.json` as it was registered.

    Args:
        bundle: its content; any sender may have registered it.

    Returns:
        The expectations; what is missing or malformed is unknown.
    """
    metrics = _object(_object(bundle.get("metrics")).get("test"))
    spec = _object(bundle.get("spec"))
    quality = _object(_object(spec.get("monitor")).get("quality"))
    rows = _number(_object(bundle.get("data")).get("rows"))
    part = _number(_object(spec.get("split")).get("test"))
    return Expectations(
        holdout={name: found for name, entry in metrics.items() if (found := _bounds(entry))},
        holdout_rows=_FEW_ROWS if rows is None else int(rows * (part or _TEST_PART)),
        limits={
            name: (_number(_object(entry).get("min")), _number(_object(entry).get("max")))
            for name, entry in quality.items()
        },
    )


def _bounds(entry: object) -> Bounds | None:
    value, low, high = (_number(_object(entry).get(name)) for name in ("value", "low", "high"))
    if value is None or low is None or high is None:
        return None
    return Bounds(value, low, high)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
