"""The answers for a batch as a table."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.bundle import Bundle, Manifest
from components.score.reading import Tensors

ROW = "row"
_LABELS: dict[type, pl.DataType] = {bool: pl.Boolean(), int: pl.Int64(), str: pl.String()}


def schema(manifest: Manifest) -> dict[str, pl.DataType]:
    """Returns names and types of the answers' columns.

    Returns:
        `prediction`, or `label` in the type of the classes and `probability_CLASS` for each of
        them, in the dtypes in which the endpoint answers.
    """
    classes = manifest.classes
    if classes is None:
        return {"prediction": pl.Float64()}
    names = [f"probability_{_text(label)}" for label in classes]
    return {"label": _LABELS[type(classes[0])], **{name: pl.Float32() for name in names}}


def answer_rows(bundle: Bundle, tensors: Tensors) -> pl.DataFrame:
    """Answers a batch.

    Args:
        bundle: the model.
        tensors: n rows.

    Returns:
        n rows as `schema` says; null where a row does not keep the signature.
    """
    columns, good = schema(bundle.manifest), tensors.good
    if not good.any():
        return pl.DataFrame({name: [None] * len(good) for name in columns}, schema=columns)
    whole = bool(good.all())
    numbers, strings = tensors.numbers, tensors.strings
    if not whole:
        numbers, strings = numbers[good], strings[good]
    given = bundle.predict(numbers, strings)
    if given.labels is None or given.probabilities is None:
        answered: dict[str, object] = {"prediction": given.values}
    else:
        names = list(columns)
        probabilities = given.probabilities.astype(np.float32)
        answered = {"label": given.labels}
        answered |= {name: probabilities[:, at] for at, name in enumerate(names[1:])}
    frame = pl.DataFrame(answered, schema=columns)
    return frame if whole else _spread(frame, good)


def _spread(frame: pl.DataFrame, good: NDArray[np.bool_]) -> pl.DataFrame:
    """Puts the answers of the good rows where those rows are, null elsewhere."""
    places = np.where(good, np.cumsum(good) - 1, 0)
    at = pl.Series("at", places, dtype=pl.UInt32)
    kept = pl.Series("good", good)
    spread = frame.select(pl.all().gather(at))
    return spread.with_columns(pl.when(kept).then(pl.all()))


def _text(label: bool | int | str) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)
