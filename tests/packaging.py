"""Packages candidates for real: what the stages before `package` leave, written and sealed."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline

from components.bundle import Bundle, load
from components.candidate import Candidate, write_candidate
from components.champion import Champion
from components.evaluate.judgement import judge
from components.examples import Examples, read_examples
from components.package.packaging import Ingredients, package_model
from components.runners import frame
from components.spec import CANDIDATES
from components.train.search import search
from tests.tables import spec_of, write_part, write_split

RECORD = Candidate(
    name="hist_gradient_boosting",
    params={},
    metric="roc_auc",
    score=0.9,
    trials=1,
    trained_at="2026-11-20T12:00:00Z",
)
RUNTIMES = ("onnx", "skops")
ISOTONIC = CalibratedClassifierCV(GaussianNB(), method="isotonic", cv=2)
SILENT: dict[str, tuple[str, list[Any]]] = {
    "add_indicator": ("binary", [SimpleImputer(add_indicator=True), LogisticRegression()]),
    "poisson": ("regression", [HistGradientBoostingRegressor(loss="poisson", random_state=0)]),
    "gamma": ("regression", [HistGradientBoostingRegressor(loss="gamma", random_state=0)]),
    "categorical_features": ("binary", [HistGradientBoostingClassifier(categorical_features=[0])]),
    "isotonic": ("binary", [SimpleImputer(), ISOTONIC]),
}
"""Steps that convert to a graph of other answers without an error."""


def packaged(
    root: Path, task: str, candidate: str = "", pipeline: Pipeline | None = None
) -> Bundle:
    """Trains (unless a pipeline is given), judges and packages under a root of three parts."""
    spec = spec_of(task, search={"trials": 1})
    if pipeline is None:
        parts = (read_examples(root / "train"), read_examples(root / "validation"))
        pipeline, record = search(candidate, spec, parts)
        record = record.model_copy(update={"trained_at": RECORD.trained_at})
    else:
        record = RECORD
    write_candidate(root / "best", pipeline, record)
    Champion(version=None).write(root / "none")
    judge(spec, [root / "best"], root / "test", root / "none").evaluation.write(root / "eval")
    (root / "statistics.json").write_text('{"format": 1}', encoding="utf-8")
    made_of = Ingredients(
        best=root / "best",
        examples=root / "train",
        validation=root / "validation",
        evaluation=root / "eval",
        statistics=root / "statistics.json",
    )
    package_model(spec, made_of, root / "bundle")
    return load(root / "bundle")


def coded(folder: Path, task: str = "binary") -> Examples:
    """A number that is a category's code without order, with gaps, and one that is a size."""
    rng = np.random.default_rng(2)
    code = rng.integers(0, 12, 600).astype(float)
    size = rng.normal(size=600)
    odd = (np.isin(code, [1, 4, 7, 9, 11]) | (size > 1)) ^ (rng.random(600) < 0.05)
    code[rng.random(600) < 0.2] = np.nan
    classes = None if task == "regression" else ("No", "Yes")
    target = odd * 5.0 + 1 if task == "regression" else odd.astype(int)
    return write_part(folder, {"code": code, "size": size}, {}, target, classes)


def awkward_pipeline(task: str, train: Examples) -> Pipeline:
    """A fitted pipeline that ONNX does not hold, on numbers alone."""
    if task == "regression":
        made = Pipeline(
            [
                ("n", numbers_alone()),
                ("m", HistGradientBoostingRegressor(loss="gamma", random_state=0)),
            ]
        )
        return made.fit(frame(train.numbers, train.strings), np.exp(train.target))
    filled = SimpleImputer(add_indicator=True)
    made = Pipeline([("n", numbers_alone()), ("f", filled), ("m", LogisticRegression())])
    return made.fit(frame(train.numbers, train.strings), train.target)


def numbers_alone() -> ColumnTransformer:
    """Takes the two numbers of `write_split` and drops its texts."""
    return ColumnTransformer([("numbers", "passthrough", [0, 1])])


def package_all(root: Path) -> None:
    """Packages a bundle of each task and runtime, in `root/TASK-RUNTIME/bundle`."""
    for at, task in enumerate(CANDIDATES):
        for runtime in RUNTIMES:
            folder = root / f"{task}-{runtime}"
            train = write_split(folder, task)["train"]
            made = awkward_pipeline(task, train) if runtime == "skops" else None
            bundle = packaged(folder, task, CANDIDATES[task][at], made)
            assert bundle.manifest.runtime == runtime
