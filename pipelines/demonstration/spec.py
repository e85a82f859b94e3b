"""The spec of the demonstration, as a user would write it."""

from pathlib import Path

from components.spec import Spec, load
from pipelines.demonstration.transactions import TARGET

NAME = "card-fraud"
METRIC = "roc_auc"
SPEC_FILE = "card-fraud.yaml"

_TEXT = """\
# Is a card payment fraud? Invented transactions, see transactions.py of the demonstration.
name: {name}
task: binary
source: transactions.csv
target: {target}
positive: "yes"
id: transaction
timestamp: time
columns:
  card: {{privacy: hash}}
  email: {{privacy: drop}}
split: {{method: time}}
candidates: [logistic, hist_gradient_boosting]
search: {{metric: {metric}, trials: 5, timeout_s: 30}}
gates:
  metrics:
    {metric}: {{min: 0.8}}
monitor:
  window: {window}
  quality:
    {metric}: {{min: 0.85}}
  retrain: {{on: [drift, quality], cooldown_s: 20, min_labels: 500}}
"""


def write_spec(folder: Path, window: int) -> Spec:
    """Writes the spec into a folder and reads it.

    Args:
        folder: holds `transactions.csv`.
        window: rows that the monitor compares at a time.

    Returns:
        The spec.
    """
    path = folder / SPEC_FILE
    text = _TEXT.format(name=NAME, target=TARGET, metric=METRIC, window=window)
    path.write_text(text, encoding="utf-8")
    return load(path)
