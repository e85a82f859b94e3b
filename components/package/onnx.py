"""Exports a fitted pipeline to ONNX and holds it against the original, row by row.

Some estimators convert to a graph that answers wrongly without an error (measured: histogram
boosting with `categorical_features` or with Poisson or gamma loss, isotonic calibration,
`SimpleImputer(add_indicator=True)`), so no graph is trusted that has not given the pipeline's own
answers on every validation row.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.examples import Examples
from components.resampling import decide
from components.runners import onnx_runner, raw_scores
from components.signature import Signature

# Opset 21 with ONNX-ML 3 is what ONNX Runtime 1.31 and skl2onnx 1.20 both support in full.
_OPSETS = {"": 21, "ai.onnx.ml": 3}
# Float32 keeps seven digits; sums over a few hundred trees lose two of them (measured: 3.4e-7 on
# probabilities, 6e-6 of the spread on values, whose mean is not far from 0 in terms of it).
PROBABILITY_TOLERANCE = 1e-5
VALUE_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Parity:
    """How far ONNX is from scikit-learn.

    Attributes:
        rows: how many rows were compared.
        difference: largest absolute difference of a probability; for values, largest difference
            as a share of the answers' spread, as `compare` says.
        labels_differ: rows whose label differs.
        tolerance: what `difference` may be.
        within: whether there were rows, their labels are equal, and all is within tolerance.
    """

    rows: int
    difference: float
    labels_differ: int
    tolerance: float
    within: bool


def export(pipeline: Any, signature: Signature, path: Path) -> None:
    """Converts a fitted pipeline to an ONNX file with one tensor for each kind of input.

    Args:
        pipeline: fitted on a frame of numbered columns, numbers first.
        signature: how many numbers and strings there are.
        path: the `.onnx` file to write.

    Raises:
        Exception: what skl2onnx raises where it knows no conversion.
    """
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    from components.package.converters import CONVERTERS

    inputs = []
    if signature.number_columns:
        inputs.append(("numbers", FloatTensorType([None, len(signature.number_columns)])))
    if signature.strings:
        inputs.append(("strings", StringTensorType([None, len(signature.strings)])))
    model = pipeline.steps[-1][1]
    options = {id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else None
    graph = convert_sklearn(
        pipeline,
        name="kubeloop",
        initial_types=inputs,
        options=options,
        target_opset=_OPSETS,
        custom_conversion_functions={kind: form for kind, (form, _) in CONVERTERS.items()},
        custom_shape_calculators={kind: shape for kind, (_, shape) in CONVERTERS.items()},
    )
    # skl2onnx keeps them in a set, whose order is another in each process.
    domains = sorted(graph.opset_import, key=lambda used: used.domain)
    del graph.opset_import[:]
    graph.opset_import.extend(domains)
    path.write_bytes(graph.SerializeToString(deterministic=True))


def compare(pipeline: Any, path: Path, examples: Examples, task: str) -> Parity:
    """Holds an ONNX file against the pipeline it was made from.

    A value's difference is a share of the spread: the mean distance of the original answers from
    their median, or more where the answer is itself farther from it. A share of the value would
    grant an error of a thousand spreads to answers around a million, and of any size to answers
    around a millionth. What float32 cannot tell from the original is no difference.

    Args:
        pipeline: the original.
        path: the `.onnx` file.
        examples: the rows to compare on; all of them are.
        task: binary, multiclass or regression; labels are compared as the bundle decides them.

    Returns:
        The parity found, of probabilities within `PROBABILITY_TOLERANCE` and every label, or of
        values within `VALUE_TOLERANCE`.
    """
    numbers, strings = examples.numbers, examples.strings
    original = raw_scores(pipeline, numbers, strings)
    converted = onnx_runner(path)(numbers, strings).reshape(original.shape)
    if original.ndim == 1:
        worst, differ, tolerance = _share_of_spread(converted, original), 0, VALUE_TOLERANCE
    else:
        worst = float(np.abs(converted - original).max(initial=0.0))
        differ = int((decide(task, converted) != decide(task, original)).sum())
        tolerance = PROBABILITY_TOLERANCE
    # A NaN makes `worst` NaN, which is within no tolerance.
    within = bool(worst <= tolerance) and differ == 0 and len(original) > 0
    return Parity(len(original), worst, differ, tolerance, within)


def _share_of_spread(converted: NDArray[np.float64], original: NDArray[np.float64]) -> float:
    """Largest difference of (n,) values as a share of the spread; NaN if one is no number."""
    if not np.isfinite(original).all() or not np.isfinite(converted).all():
        return float("nan")
    if not len(original):
        return 0.0
    distance = np.abs(original - np.median(original))
    rounding = np.spacing(np.abs(original).astype(np.float32)).astype(np.float64)
    beyond = np.maximum(0.0, np.abs(converted - original) - rounding)
    # One answer for all rows has no spread, and may differ in nothing.
    scale = np.maximum(distance + distance.mean(), np.finfo(np.float64).tiny)
    return float((beyond / scale).max())
