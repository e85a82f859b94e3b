"""Our hold-out scores beside those of a plain scikit-learn script.

The script is what a data scientist would write for the same task: pandas, float64, imputing,
scaling and one-hot encoding by scikit-learn's own transformers, dates as calendar numbers and as
hours before the row's own time, the estimator that our run chose with its parameters, fitted on the
same training rows and judged on the same hold-out.

Run: `python tests/benchmarks/bench_scores.py [SPEC …]`; without arguments, the example specs.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import ensemble, linear_model, metrics
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from components.examples import read_schema
from pipelines.local.outputs import Outputs

ROOT = Path(__file__).parents[2]
EXAMPLES = ["breast-cancer", "wine", "diabetes"]
SHOWN = {"binary": ("roc_auc", "accuracy"), "multiclass": ("accuracy",), "regression": ("rmse",)}
# No worse than 0.01 of AUC or accuracy, or 2 % of RMSE.
ALLOWED = {"roc_auc": 0.01, "accuracy": 0.01, "rmse": 0.02}


def main(specs: list[str]) -> None:
    """Prints a row for each spec and metric."""
    print(f"{'spec':<20}{'candidate':<24}{'metric':<10}{'ours':>9}{'plain':>9}  within")
    for spec in specs:
        with tempfile.TemporaryDirectory() as state:
            command = [sys.executable, "-P", "-m", "pipelines.cli", "run", spec]
            done = subprocess.run(
                [*command, "--state", state, "--json"], capture_output=True, text=True, check=False
            )
            if done.returncode not in (0, 3):
                print(f"{Path(spec).stem:<20}{done.stderr[-300:]}")
                continue
            result = json.loads(done.stdout)
            outputs = Outputs(Path(state, "runs", "latest", "artifacts"))
            plain = plain_scores(result, outputs)
        for metric in SHOWN[result["task"]]:
            ours = result["metrics"]["test"][metric]["value"]
            loss = (
                (ours - plain[metric]) / plain[metric] if metric == "rmse" else plain[metric] - ours
            )
            row = f"{result['name']:<20}{result['candidates'][0]['name']:<24}{metric:<10}"
            print(f"{row}{ours:>9.4f}{plain[metric]:>9.4f}  {loss <= ALLOWED[metric]}")


def plain_scores(result: dict[str, Any], outputs: Outputs) -> dict[str, float]:
    """Fits and judges the plain script on the run's own split."""
    folders = {part: outputs.path("prepare", part) for part in ("train", "test")}
    schema = read_schema(folders["train"])
    target, clock = schema.target, schema.signature.clock
    train, test = (
        with_dates(pd.read_parquet(folder / "rows.parquet"), clock) for folder in folders.values()
    )
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    texts = make_pipeline(
        SimpleImputer(strategy="most_frequent", missing_values=None),
        OneHotEncoder(handle_unknown="ignore"),
    )
    front = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (texts, make_column_selector(dtype_include=object)),
        sparse_threshold=0,
    )
    model = make_pipeline(front, estimator(result))
    model.fit(train.drop(columns=target), train[target])
    rows, truth = test.drop(columns=target), test[target].to_numpy()
    if result["task"] == "regression":
        return {"rmse": float(metrics.root_mean_squared_error(truth, model.predict(rows)))}
    found = {"accuracy": float(metrics.accuracy_score(truth, model.predict(rows)))}
    if result["task"] == "binary":
        score = model.predict_proba(rows)[:, 1]
        found["roc_auc"] = float(metrics.roc_auc_score(truth, score))
    return found


def with_dates(rows: pd.DataFrame, clock: str | None) -> pd.DataFrame:
    """Writes each date as calendar numbers, and as hours before the row's own time."""
    for name in rows.select_dtypes("datetime").columns:
        date = rows[name]
        for part in ("month", "day", "dayofweek", "hour"):
            rows[f"{name} {part}"] = getattr(date.dt, part)
        if clock and name != clock:
            rows[f"{name} age"] = (rows[clock] - date).dt.total_seconds() / 3600
    return rows.drop(columns=rows.select_dtypes("datetime").columns)


def estimator(result: dict[str, Any]) -> Any:
    """Builds scikit-learn's estimator by the chosen candidate's name and parameters."""
    best = result["candidates"][0]
    kind = "Regressor" if result["task"] == "regression" else "Classifier"
    params = best["params"]
    if best["name"] == "logistic":
        return linear_model.LogisticRegression(max_iter=2000, **params)
    if best["name"] == "linear":
        return linear_model.Ridge(**params)
    if best["name"] == "random_forest":
        forest = getattr(ensemble, f"RandomForest{kind}")
        return forest(n_estimators=200, random_state=7, **params)
    boosting = getattr(ensemble, f"HistGradientBoosting{kind}")
    return boosting(
        max_iter=400, early_stopping=True, n_iter_no_change=15, random_state=7, **params
    )


if __name__ == "__main__":
    np.seterr(all="ignore")
    main(sys.argv[1:] or [str(ROOT / "pipelines" / "specs" / f"{n}.yaml") for n in EXAMPLES])
