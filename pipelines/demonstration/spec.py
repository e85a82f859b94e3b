"""The spec of the demonstration, as a user would write it."""

from pathlib import Path

from components.spec import Spec, load
from pipelines.demonstration.transactions import TARGET

NAME = "card-fraud"
METRIC = "roc_auc"
SPEC_FILE = "card-fraud.yaml"

_TEXT = f"""\
# Is a card payment fraud? Invented transactions, see transactions.py of the demonstration.
name: {NAME}
task: binary
source: transactions.csv
target: {TARGET}
positive: "yes"
id: transaction
timestamp: time
columns:
  card: {{privacy: hash}}
  email: {{privacy: drop}}
split: {{method: time}}
candidates: [logistic, hist_gradient_boosting]
search: {{metric: {METRIC}, trials: 5, timeout_s: 30}}
gates:
  metrics:
    {METRIC}: {{min: 0.8}}
monitor:
  window: 1000
  quality:
    {METRIC}: {{min: 0.85}}
  retrain: {{on: [drift, quality], cooldown_s: 60, min_labels: 500}}
"""


def write_spec(folder: Path) -> Spec:
    """Writes the spec into a folder and reads it.

    Args:
        folder: holds `transactions.csv`.

    Returns:
        The spec.
    """
    path = folder / SPEC_FILE
    path.write_text(_TEXT, encoding="utf-8")
    return load(path)
