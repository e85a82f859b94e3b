"""The part of the fitted pipeline in front of the estimator: clipping, imputing, scaling, encoding.

Only steps that ONNX repeats within tolerance. Rare categories and unseen ones share one code, so
that a model never learns from a handful of rows, and a category that appears tomorrow is answered
like the rare ones of today.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from components.errors import TrainingError
from components.examples import Examples
from components.resampling import Target
from components.signature import Strings
from components.transformers import Clip, Single

# A category needs this many training rows, and this share of them, for a column of its own.
_RARE_ROWS = 5
_RARE_SHARE = 0.005
_MOST_COLUMNS = 100
# Of a column of very many categories, so many get a mean of their own: 10,000 are 0.3 MB of model.
# A category of one row has no other row whose mean it could be given.
_MOST_MEANS = 10_000
_MEAN_ROWS = 2
_FOLDS = 5
# A category's mean counts as if so many rows of the overall mean were among its own (the m-estimate
# of Micci-Barreca, A Preprocessing Scheme for High-Cardinality Categorical Attributes, 2001).
# scikit-learn's "auto" does not shrink a category at all whose few rows agree (measured with 2,000
# categories of 3 rows: held-out ROC AUC 0.738 with 10, 0.734 with auto, and alike with 20 rows).
_SMOOTH = 10.0

Blocks = list[tuple[str, Any, list[int]]]


def preprocessor(
    examples: Examples,
    *,
    scale: bool,
    impute: bool,
    clips: Sequence[tuple[float, float] | None] = (),
    encode_above: int = _MOST_COLUMNS,
    seed: int = 0,
) -> ColumnTransformer:
    """Builds the unfitted transformer for a frame of numbered columns, numbers first.

    Its `fit_transform` gives the training rows the target's means of rows in other folds than
    their own, so that an estimator cannot learn its own target from them; its `transform` gives
    the means of all training rows.

    Args:
        examples: the training rows; only which numbers are there at all, and the counts of
            categories and classes, are used here.
        scale: whether numbers are standardized.
        impute: whether missing numbers become the median; else they stay NaN.
        clips: for each number, the quantiles between which it is clipped, or None; empty for none.
        encode_above: how many different categories a column of text may have for a column each;
            one of more is encoded by the target's mean.
        seed: decides the folds.

    Returns:
        A transformer to float32: one column a number, one a frequent category, and one (with
        three classes and more, one a class) a column of many categories. A number without any
        value in the training rows is left out: nothing can be learned of it.

    Raises:
        TrainingError: nothing is left to learn from.
    """
    count = examples.numbers.shape[1]
    blocks: Blocks = []
    if present := [i for i in range(count) if not np.isnan(examples.numbers[:, i]).all()]:
        asked = [clips[i] if i < len(clips) else None for i in present]
        steps = _numeric(asked, scale=scale, impute=impute)
        blocks.append(("numbers", Pipeline(steps) if steps else "passthrough", present))
    # No numpy array of text: it pads every value to the longest and drops trailing NULs.
    counts = [Counter(column.tolist()) for column in examples.strings.T]
    many = [i for i, counted in enumerate(counts) if len(counted.keys() - {""}) > encode_above]
    few = [i for i in range(len(counts)) if i not in many]
    blocks += _one_hot(counts, few, count, least=_least(len(examples)))
    blocks += _means(counts, many, examples, scale=scale, seed=seed)
    if not blocks:
        # Of a few rows every category is rare; a model of them all is better than none.
        blocks = _one_hot(counts, list(range(len(counts))), count, least=1)
    if not blocks:
        names = ", ".join(feature.name for feature in examples.schema.signature.inputs)
        msg = f"no feature has a value in the training rows: {names}"
        raise TrainingError(msg)
    return ColumnTransformer(blocks, sparse_threshold=0)


def _numeric(
    clips: list[tuple[float, float] | None], *, scale: bool, impute: bool
) -> list[tuple[str, object]]:
    steps: list[tuple[str, object]] = []
    if any(clips):
        steps.append(("clip", Clip(clips)))
    if impute:
        steps.append(("impute", SimpleImputer(strategy="median")))
    if scale:
        steps.append(("scale", StandardScaler()))
    return steps


def _one_hot(counts: list[Counter[str]], columns: list[int], shift: int, *, least: int) -> Blocks:
    frequent = {i: _frequent(counts[i], least, _MOST_COLUMNS) for i in columns}
    encoded = [i for i in columns if frequent[i]]
    if not encoded:
        return []
    encoder = OneHotEncoder(
        categories=[np.array(frequent[i], dtype=object) for i in encoded],
        handle_unknown="ignore",
        sparse_output=False,
        dtype=np.float32,
    )
    return [("strings", encoder, [shift + i for i in encoded])]


def _means(
    counts: list[Counter[str]], columns: list[int], examples: Examples, *, scale: bool, seed: int
) -> Blocks:
    frequent = {i: _frequent(counts[i], _MEAN_ROWS, _MOST_MEANS) for i in columns}
    encoded = [i for i in columns if frequent[i]]
    if not encoded:
        return []
    encoder = TargetEncoder(
        categories=[np.array(frequent[i], dtype=object) for i in encoded],
        target_type=_target_type(examples.target),
        smooth=_SMOOTH,
        cv=_folds(examples.target, seed),
    )
    steps: list[tuple[str, object]] = [("means", encoder), ("single", Single())]
    if scale:
        steps.append(("scale", StandardScaler()))
    shift = examples.numbers.shape[1]
    return [("means", Pipeline(steps), [shift + i for i in encoded])]


def _target_type(target: Target) -> str:
    if not np.issubdtype(target.dtype, np.integer):
        return "continuous"
    return "binary" if len(np.unique(target)) <= 2 else "multiclass"


def _folds(target: Target, seed: int) -> KFold | StratifiedKFold:
    """Folds of equal class shares where each class allows it: else a fold's mean tells its own."""
    if np.issubdtype(target.dtype, np.integer):
        rarest = int(np.unique(target, return_counts=True)[1].min())
        if rarest >= 2:
            return StratifiedKFold(min(_FOLDS, rarest), shuffle=True, random_state=seed)
    return KFold(min(_FOLDS, len(target)), shuffle=True, random_state=seed)


def frequent_categories(strings: Strings, least: int | None = None) -> list[list[str]]:
    """Lists each column's categories that are frequent enough to learn from.

    Args:
        strings: object (n, columns) of str; "" is missing, and counts as a category.
        least: the rows that a category needs; None for 5 and 0.5 % of all.

    Returns:
        For each column at most 100 categories, sorted.
    """
    if least is None:
        least = _least(len(strings))
    # No numpy array of text: it pads every value to the longest and drops trailing NULs.
    return [_frequent(Counter(column.tolist()), least, _MOST_COLUMNS) for column in strings.T]


def _least(rows: int) -> int:
    return max(_RARE_ROWS, math.ceil(_RARE_SHARE * rows))


def _frequent(counts: Counter[str], least: int, most: int) -> list[str]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]
    # skl2onnx drops a trailing NUL, so such a text would answer as the one without it.
    return sorted(text for text, rows in ordered if rows >= least and not text.endswith("\0"))
