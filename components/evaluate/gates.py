"""The gates: what a challenger must reach before it may take the champion's place."""

from components.bundle import DataLineage, Interval
from components.contract import Lineage
from components.evaluation import ChampionScore, Gate
from components.spec import Gates, gain

# Ten times float32's resolution (1.2e-7).
_PRECISION = 1e-6


def metric_gates(gates: Gates, metrics: dict[str, Interval]) -> list[Gate]:
    """Holds hold-out metrics against their bounds.

    Args:
        gates: bounds by metric; both are inclusive.
        metrics: the hold-out metrics.

    Returns:
        A gate for each bound, in the spec's order. A metric that is undefined on the hold-out, and
        so not among the metrics, is NaN and passes none.
    """
    found = []
    for name, bound in gates.metrics.items():
        value = metrics[name].value if name in metrics else float("nan")
        both = bound.min is not None and bound.max is not None
        if bound.min is not None:
            said = f"{name} >= {bound.min:g}"
            label = f"{name}.min" if both else name
            found.append(_gate(label, value, bound.min, value >= bound.min, said))
        if bound.max is not None:
            said = f"{name} <= {bound.max:g}"
            label = f"{name}.max" if both else name
            found.append(_gate(label, value, bound.max, value <= bound.max, said))
    return found


def champion_gate(gates: Gates, scores: ChampionScore) -> Gate:
    """Compares challenger and champion on the same rows; passes at gain >= `min_gain`.

    The champion answers in ONNX's float32 and the challenger in scikit-learn's float64, so the
    same model made twice gains up to some 1e-7 either way: that much is neither gain nor loss.
    """
    gained = gain(scores.metric, scores.challenger, scores.champion)
    least = gates.champion.min_gain
    slack = _PRECISION * max(1.0, abs(scores.champion))
    said = f"gain in {scores.metric} over version {scores.version} >= {least:g}"
    return _gate("champion", gained, least, gained >= least - slack, said)


def fresh_gate(known: DataLineage, lineage: Lineage, version: int) -> Gate | None:
    """Asks for fresh rows where the champion has learned of some and the sources are still its own.

    What those hold out tells of the world before the fresh rows: on it a model that knows nothing
    else beats the one that has learned what has changed since.

    Args:
        known: what the champion was made from.
        lineage: what the challenger was made from.
        version: the champion's.

    Returns:
        The gate, which is not passed; None where there is nothing to ask for.
    """
    if lineage.fresh or not known.fresh or lineage.fingerprint != known.fresh.sources:
        return None
    said = (
        f"fresh rows or newer sources, since version {version} has learned of {known.fresh.rows:,} "
        "fresh rows beside these sources"
    )
    return Gate(name="fresh", value=0, threshold=1, passed=False, expected=said)


def _gate(name: str, value: float, threshold: float, passed: bool, expected: str) -> Gate:
    return Gate(name=name, value=value, threshold=threshold, passed=bool(passed), expected=expected)
