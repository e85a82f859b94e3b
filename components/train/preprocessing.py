"""The part of the fitted pipeline in front of the estimator: imputing, scaling, encoding.

Only steps that ONNX repeats within tolerance. Rare categories and unseen ones share one code, all
zeros, so that a model never learns from a handful of rows, and a category that appears tomorrow is
answered like the rare ones of today.
"""

import math
from collections import Counter

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from components.errors import TrainingError
from components.examples import Examples
from components.signature import Strings

# A category needs this many training rows, and this share of them, for a column of its own.
_RARE_ROWS = 5
_RARE_SHARE = 0.005
_MOST_COLUMNS = 100


def preprocessor(examples: Examples, *, scale: bool, impute: bool) -> ColumnTransformer:
    """Builds the unfitted transformer for a frame of numbered columns, numbers first.

    Args:
        examples: the training rows; only which numbers are there at all, and the counts of the
            categories, are used here.
        scale: whether numbers are standardized.
        impute: whether missing numbers become the median; else they stay NaN.

    Returns:
        A transformer to float32, one column a number and one a frequent category. A number
        without any value in the training rows is left out: nothing can be learned of it.

    Raises:
        TrainingError: nothing is left to learn from.
    """
    count = examples.numbers.shape[1]
    numeric: list[tuple[str, object]] = []
    if impute:
        numeric.append(("impute", SimpleImputer(strategy="median")))
    if scale:
        numeric.append(("scale", StandardScaler()))
    blocks: list[tuple[str, object, list[int]]] = []
    if present := [i for i in range(count) if not np.isnan(examples.numbers[:, i]).all()]:
        blocks.append(("numbers", Pipeline(numeric) if numeric else "passthrough", present))
    frequent = frequent_categories(examples.strings)
    if not present and not any(frequent):
        # Of a few rows every category is rare; a model of them all is better than none.
        frequent = frequent_categories(examples.strings, least=1)
    encoded = [i for i, categories in enumerate(frequent) if categories]
    if encoded:
        encoder = OneHotEncoder(
            categories=[np.array(frequent[i], dtype=object) for i in encoded],
            handle_unknown="ignore",
            sparse_output=False,
            dtype=np.float32,
        )
        blocks.append(("strings", encoder, [count + i for i in encoded]))
    if not blocks:
        names = ", ".join(feature.name for feature in examples.schema.signature.inputs)
        msg = f"no feature has a value in the training rows: {names}"
        raise TrainingError(msg)
    return ColumnTransformer(blocks, sparse_threshold=0)


def frequent_categories(strings: Strings, least: int | None = None) -> list[list[str]]:
    """Lists each column's categories that are frequent enough to learn from.

    Args:
        strings: object (n, columns) of str; "" is missing, and counts as a category.
        least: the rows that a category needs; None for 5 and 0.5 % of all.

    Returns:
        For each column at most 100 categories, sorted.
    """
    if least is None:
        least = max(_RARE_ROWS, math.ceil(_RARE_SHARE * len(strings)))
    frequent = []
    for column in strings.T:
        # No numpy array of text: it pads every value to the longest and drops trailing NULs.
        counts = Counter(column.tolist())
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_COLUMNS]
        # skl2onnx drops a trailing NUL, so such a text would answer as the one without it.
        kept = (text for text, rows in ordered if rows >= least and not text.endswith("\0"))
        frequent.append(sorted(kept))
    return frequent
