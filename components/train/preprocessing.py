"""The part of the fitted pipeline in front of the estimator: imputing, scaling, encoding.

Only steps that ONNX repeats within tolerance. Rare categories and unseen ones share one code, all
zeros, so that a model never learns from a handful of rows, and a category that appears tomorrow is
answered like the rare ones of today.
"""

import math

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from components.examples import Examples
from components.signature import Strings

# A category needs this many training rows, and this share of them, for a column of its own.
_RARE_ROWS = 5
_RARE_SHARE = 0.005
_MOST_COLUMNS = 100


def preprocessor(examples: Examples, *, scale: bool, impute: bool) -> ColumnTransformer:
    """Builds the unfitted transformer for a frame of numbered columns, numbers first.

    Args:
        examples: the training rows; only their category counts are used here.
        scale: whether numbers are standardized.
        impute: whether missing numbers become the median; else they stay NaN.

    Returns:
        A transformer to float32, one column a number and one a frequent category.
    """
    count = examples.numbers.shape[1]
    numeric: list[tuple[str, object]] = []
    if impute:
        # keep_empty_features: a column without any value in training must not shift the others.
        numeric.append(("impute", SimpleImputer(strategy="median", keep_empty_features=True)))
    if scale:
        numeric.append(("scale", StandardScaler()))
    blocks: list[tuple[str, object, list[int]]] = []
    if count:
        blocks.append(("numbers", Pipeline(numeric) if numeric else "passthrough", [*range(count)]))
    frequent = frequent_categories(examples.strings)
    encoded = [i for i, categories in enumerate(frequent) if categories]
    if encoded:
        encoder = OneHotEncoder(
            categories=[np.array(frequent[i], dtype=object) for i in encoded],
            handle_unknown="ignore",
            sparse_output=False,
            dtype=np.float32,
        )
        blocks.append(("strings", encoder, [count + i for i in encoded]))
    return ColumnTransformer(blocks, sparse_threshold=0)


def frequent_categories(strings: Strings) -> list[list[str]]:
    """Lists each column's categories that are frequent enough to learn from.

    Args:
        strings: object (n, columns) of str; "" is missing, and counts as a category.

    Returns:
        For each column at most 100 categories, sorted.
    """
    least = max(_RARE_ROWS, math.ceil(_RARE_SHARE * len(strings)))
    frequent = []
    for column in strings.T:
        values, counts = np.unique(column.astype(str), return_counts=True)
        order = np.lexsort((values, -counts))[:_MOST_COLUMNS]
        frequent.append(sorted(str(values[i]) for i in order if counts[i] >= least))
    return frequent
