"""Exports a fitted pipeline to ONNX and holds it against the original, row by row.

Some estimators convert to a graph that answers wrongly without an error (measured: histogram
boosting with `categorical_features`, isotonic calibration, `add_indicator`), so no graph is
trusted that has not given the pipeline's own answers on every validation row.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.examples import Examples
from components.metrics import decide
from components.runners import onnx_runner, raw_scores
from components.signature import Signature

# Opset 21 with ONNX-ML 3 is what ONNX Runtime 1.31 and skl2onnx 1.20 both support in full.
_OPSETS = {"": 21, "ai.onnx.ml": 3}
# Float32 keeps seven digits; sums over a few hundred trees lose two of them (measured: 3.4e-7 on
# probabilities, 1e-6 relative on values).
PROBABILITY_TOLERANCE = 1e-5
VALUE_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Parity:
    """How far ONNX is from scikit-learn.

    Attributes:
        rows: how many rows were compared.
        difference: largest absolute difference of a probability; for values, of the difference
            relative to the larger of 1 and the value.
        labels_differ: rows whose label differs.
        within: whether all is within tolerance.
    """

    rows: int
    difference: float
    labels_differ: int
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
    path.write_bytes(graph.SerializeToString(deterministic=True))


def compare(pipeline: Any, path: Path, examples: Examples, task: str) -> Parity:
    """Holds an ONNX file against the pipeline it was made from.

    Args:
        pipeline: the original.
        path: the `.onnx` file.
        examples: the rows to compare on; all of them are.
        task: binary, multiclass or regression; labels are compared as the bundle decides them.

    Returns:
        The parity found.
    """
    numbers, strings = examples.numbers, examples.strings
    original = raw_scores(pipeline, numbers, strings)
    converted = onnx_runner(path)(numbers, strings).reshape(original.shape)
    if original.ndim == 1:
        relative = np.abs(converted - original) / np.maximum(1.0, np.abs(original))
        worst = float(relative.max(initial=0.0))
        return Parity(len(original), worst, 0, bool(worst <= VALUE_TOLERANCE))
    worst = float(np.abs(converted - original).max(initial=0.0))
    # A NaN makes `worst` NaN, which is within no tolerance.
    differ = int((decide(task, converted) != decide(task, original)).sum())
    within = bool(worst <= PROBABILITY_TOLERANCE) and differ == 0
    return Parity(len(original), worst, differ, within)
