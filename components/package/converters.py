"""The ONNX forms of steps that skl2onnx does not know, or does not know in full.

Its own form of `TargetEncoder` refuses three classes and more. Here a category is looked up once,
and its row taken from a table, whose last row answers the categories that are not in it.
"""

from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx.common.data_types import FloatTensorType
from sklearn.preprocessing import TargetEncoder

from components.transformers import Clip, Single


def _float_shape(operator: Any) -> None:
    """As many float32 columns as the step gives."""
    step = operator.raw_operator
    columns = len(step.encodings_) if hasattr(step, "encodings_") else step.n_features_in_
    rows = operator.inputs[0].get_first_dimension()
    operator.outputs[0].type = FloatTensorType([rows, columns])


def _one_input(scope: Any, operator: Any, container: Any, kind: int) -> str:
    """The step's inputs side by side, cast to a type."""
    names = [i.onnx_name for i in operator.inputs]
    joined = names[0]
    if len(names) > 1:
        joined = scope.get_unique_variable_name("joined")
        container.add_node("Concat", names, joined, axis=1)
    cast: str = scope.get_unique_variable_name("cast")
    container.add_node("Cast", [joined], cast, to=kind)
    return cast


def _single(scope: Any, operator: Any, container: Any) -> None:
    given = _one_input(scope, operator, container, TensorProto.FLOAT)
    container.add_node("Identity", [given], operator.outputs[0].full_name)


def _clip(scope: Any, operator: Any, container: Any) -> None:
    """By comparison, which NaN passes; Min and Max promise nothing of it."""
    step = operator.raw_operator
    given = _one_input(scope, operator, container, TensorProto.FLOAT)
    bounds = (("Less", step.lower_), ("Greater", step.upper_))
    for position, (comparison, bound) in enumerate(bounds):
        limit = scope.get_unique_variable_name("limit")
        container.add_initializer(limit, TensorProto.FLOAT, [1, len(bound)], bound.tolist())
        beyond = scope.get_unique_variable_name("beyond")
        container.add_node(comparison, [given, limit], beyond)
        is_last = position == len(bounds) - 1
        clipped = operator.outputs[0].full_name if is_last else scope.get_unique_variable_name("c")
        container.add_node("Where", [beyond, limit, given], clipped)
        given = clipped


def _target_means(scope: Any, operator: Any, container: Any) -> None:
    step = operator.raw_operator
    given = _one_input(scope, operator, container, TensorProto.STRING)
    width = len(step.encodings_) // len(step.categories_)
    tables = []
    for column, categories in enumerate(step.categories_):
        means = step.encodings_[column * width : (column + 1) * width]
        rows = np.vstack([np.column_stack(means), np.reshape(step.target_mean_, (1, width))])
        tables.append(_looked_up(scope, container, given, (column, categories, rows)))
    container.add_node("Concat", tables, operator.outputs[0].full_name, axis=1)


def _looked_up(scope: Any, container: Any, given: str, lookup: tuple[int, Any, Any]) -> str:
    """One column's rows of its table: float32 (n, width)."""
    column, categories, rows = lookup
    names = {
        name: scope.get_unique_variable_name(name)
        for name in ("position", "column", "flat", "index", "table", "shape", "flat_shape", "means")
    }
    container.add_initializer(names["position"], TensorProto.INT64, [1], [column])
    container.add_initializer(names["shape"], TensorProto.INT64, [2], [-1, rows.shape[1]])
    container.add_initializer(names["flat_shape"], TensorProto.INT64, [1], [-1])
    values = rows.astype(np.float32)
    container.add_initializer(
        names["table"], TensorProto.FLOAT, list(values.shape), values.ravel().tolist()
    )
    container.add_node("Gather", [given, names["position"]], names["column"], axis=1)
    container.add_node("Reshape", [names["column"], names["flat_shape"]], names["flat"])
    container.add_node(
        "LabelEncoder",
        [names["flat"]],
        names["index"],
        op_domain="ai.onnx.ml",
        op_version=2,
        name=scope.get_unique_operator_name("LabelEncoder"),
        keys_strings=[text.encode("utf-8") for text in categories],
        values_int64s=list(range(len(categories))),
        default_int64=len(categories),
    )
    container.add_node("Gather", [names["table"], names["index"]], names["means"], axis=0)
    found: str = scope.get_unique_variable_name("found")
    container.add_node("Reshape", [names["means"], names["shape"]], found)
    return found


CONVERTERS = {
    Clip: (_clip, _float_shape),
    Single: (_single, _float_shape),
    TargetEncoder: (_target_means, _float_shape),
}
"""By type, the function that writes the step's ONNX form, and the one that says its shape."""
