"""How a packaged model is run: ONNX Runtime, or scikit-learn from a skops file.

`bundle.load` opens one of these; `package` holds the first against the second. Each imports its
library only when it is opened, so that a server of ONNX models never pays for scikit-learn.
"""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from components.errors import BundleError
from components.revision import VERSION
from components.signature import Numbers, Strings

# What scikit-learn's own estimators need beyond skops' defaults (measured with skops 0.16), and
# our own steps.
TRUSTED_TYPES = (
    "components.transformers.Clip",
    "components.transformers.Single",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.tree._tree.Tree",
)


class Runner(Protocol):
    """The model proper: tensors in, class probabilities (n, classes) or values (n,) out."""

    def __call__(self, numbers: Numbers, strings: Strings) -> NDArray[np.float64]:
        """Runs the model on n rows."""
        ...


def onnx_runner(model: Path) -> Runner:
    """Opens an ONNX model on one thread.

    One intra-op thread, because contention between threads grows the tail latency of a small
    model up to fifty times (measured).

    Args:
        model: the `.onnx` file, with inputs `numbers` and `strings`, or one of them.

    Returns:
        A function from the two tensors to probabilities or values.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    wanted = {i.name for i in session.get_inputs()}
    output = session.get_outputs()[-1].name

    outputs, both = [output], len(wanted) == 2
    only = next(iter(wanted))
    # The wrapper looks for missing inputs, by name, at each call: 1.5 of a row's 8 us. Ours are
    # always there. What is inside of it is not public, and so not relied on.
    inner = getattr(session, "_sess", session)

    def run(numbers: Numbers, strings: Strings) -> NDArray[np.float64]:
        if both:
            feed: dict[str, Any] = {"numbers": numbers, "strings": strings}
        else:
            feed = {only: numbers if only == "numbers" else strings}
        found: NDArray[np.float64] = inner.run(outputs, feed, None)[0].astype(np.float64)
        return found

    return run


def skops_runner(model: Path) -> Runner:
    """Opens a skops file; any type outside `TRUSTED_TYPES` and skops' own list is refused.

    Args:
        model: the `.skops` file of a fitted scikit-learn pipeline over the joined tensors.

    Returns:
        A function from the two tensors to probabilities or values.

    Raises:
        BundleError: skops is not installed, as in the server's first image.
    """
    try:
        from skops import io
    except ModuleNotFoundError as exc:
        msg = (
            f"it needs scikit-learn and skops, and {exc.name!r} is not installed here; in a "
            f"container, serve it from the image kubeloop/serve:{VERSION}-skops"
        )
        raise BundleError(msg) from exc

    pipeline = io.load(model, trusted=list(TRUSTED_TYPES))

    def run(numbers: Numbers, strings: Strings) -> NDArray[np.float64]:
        return raw_scores(pipeline, numbers, strings)

    return run


def frame(numbers: Numbers, strings: Strings) -> Any:
    """Joins the two tensors for scikit-learn.

    Args:
        numbers: float32 (n, numbers).
        strings: object (n, strings).

    Returns:
        A pandas frame of n rows whose columns are numbered, numbers first, each in its own dtype.
    """
    import pandas as pd

    joined = pd.concat([pd.DataFrame(numbers), pd.DataFrame(strings)], axis=1)
    joined.columns = pd.RangeIndex(joined.shape[1])
    return joined


def raw_scores(pipeline: Any, numbers: Numbers, strings: Strings) -> NDArray[np.float64]:
    """Runs a fitted scikit-learn pipeline on the two tensors.

    Args:
        pipeline: fitted on such a `frame`.
        numbers: float32 (n, numbers).
        strings: object (n, strings).

    Returns:
        float64 probabilities (n, classes), or values (n,).
    """
    score = pipeline.predict_proba if hasattr(pipeline, "predict_proba") else pipeline.predict
    return np.asarray(score(frame(numbers, strings)), dtype=np.float64)
