"""Steps of a fitted pipeline that scikit-learn does not have; each is one that ONNX repeats.

They stand here and not in `train`, because a pipeline's file names its classes, and every stage
that opens one, a server too, must find them. Their ONNX forms are in
`components.package.converters`.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin


class Clip(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Pulls outliers to quantiles of the rows it was fitted on (winsorizing).

    Dixon, Simplified Estimation from Censored Normal Samples (1960). A missing value stays one. A
    column whose two quantiles are equal is left as it is: what is rare there is the other value of
    a flag and no outlier.

    Args:
        quantiles: for each column the lower and the upper one (0 to 1), or None to leave it.

    Attributes:
        lower_: float32 (columns,), the least value that passes; -inf for any.
        upper_: float32 (columns,), the greatest; inf for any.
    """

    def __init__(self, quantiles: Sequence[tuple[float, float] | None]) -> None:
        """Keeps the parameter as it is given, as scikit-learn's `clone` expects."""
        self.quantiles = quantiles

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803 - scikit-learn's own names
        """Takes the quantiles of the present values of each column."""
        values = np.asarray(X, dtype=np.float32)
        self.n_features_in_ = values.shape[1]
        self.lower_ = np.full(values.shape[1], -np.inf, dtype=np.float32)
        self.upper_ = np.full(values.shape[1], np.inf, dtype=np.float32)
        for index, wanted in enumerate(self.quantiles):
            present = values[:, index][~np.isnan(values[:, index])]
            if wanted is None or not len(present):
                continue
            low, high = np.quantile(present.astype(np.float64), wanted).astype(np.float32)
            if low < high:
                self.lower_[index], self.upper_[index] = low, high
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        """Clips (n, columns) to float32; NaN passes."""
        return np.clip(np.asarray(X, dtype=np.float32), self.lower_, self.upper_)


class Single(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turns numbers to float32, the dtype in which a model is served.

    A tree's threshold between two float64 numbers can fall on one side of both in float32.
    """

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Learns nothing but the width."""
        self.n_features_in_ = np.shape(X)[1]
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        """Converts (n, columns)."""
        return np.asarray(X, dtype=np.float32)
