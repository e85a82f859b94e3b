"""The model card: what the model is, how good, on what, and what was decided, for people.

The sections follow Mitchell et al., Model Cards for Model Reporting (2019), as far as the run
knows the answers.
"""

import re
from collections.abc import Mapping

from components.bundle import Manifest
from components.evaluation import Evaluation
from components.examples import ExampleSchema
from components.package.onnx import Parity


def render(
    manifest: Manifest,
    evaluation: Evaluation,
    schema: ExampleSchema,
    parity: Parity | None,
    reason: str,
) -> str:
    """Renders the card.

    Args:
        manifest: the bundle's, digests not yet known.
        evaluation: scores, gates and metrics.
        schema: the training rows', for the split and the features left out.
        parity: how far ONNX is from scikit-learn; None where it was not exported.
        reason: why the bundle falls back to skops, else empty.

    Returns:
        Markdown. Everything in it is about columns and counts, never about a row.
    """
    lines = _head(manifest, evaluation.best, _parity_text(manifest.task, parity, reason))
    lines += _scores(evaluation) + _gates(evaluation) + _inputs(manifest)
    lines += _split(manifest, schema) + _dropped(schema)
    return "\n".join(lines) + "\n"


def _head(manifest: Manifest, best: str, parity: str) -> list[str]:
    return [
        f"# {manifest.name}",
        "",
        f"A {manifest.task} model ({best}) that predicts "
        f"{_code(manifest.spec['target'])} from {len(manifest.signature.inputs)} features.",
        "",
        f"- Trained at {manifest.trained_at} by run `{manifest.run_id}`, code "
        f"`{manifest.revision}`",
        f"- Data: {manifest.data.rows:,} rows, {manifest.data.columns} columns, "
        f"`{manifest.data.fingerprint}`",
        *_fresh(manifest),
        f"- Runtime: {manifest.runtime}{parity}",
    ]


def _fresh(manifest: Manifest) -> list[str]:
    """What the rows that came by way of the monitor are."""
    fresh = manifest.data.fresh
    if fresh is None:
        return []
    asked = f", labelled from {fresh.since} to before {fresh.until}" if fresh.since else ""
    return [
        f"- Of the rows {fresh.rows:,} are fresh: predicted from {fresh.first} to {fresh.last}"
        f"{asked}"
    ]


def _scores(evaluation: Evaluation) -> list[str]:
    """How good the chosen model is on the test rows, and the others on the validation rows."""
    lines = ["", "## Hold-out metrics", ""]
    lines += ["| metric | value | 95 % interval |", "|---|---|---|"]
    lines += [
        f"| {name} | {i.value:.4f} | {i.low:.4f} to {i.high:.4f} |"
        for name, i in evaluation.metrics["test"].items()
    ]
    lines += ["", f"## Candidates, by {evaluation.metric} on the validation rows", ""]
    lines += ["| candidate | score | parameters |", "|---|---|---|"]
    return lines + [
        f"| {c.name} | {c.score:.4f} | {_params(c.params)} |" for c in evaluation.candidates
    ]


def _gates(evaluation: Evaluation) -> list[str]:
    if not evaluation.gates:
        return []
    lines = ["", "## Gates", "", "| gate | value | threshold | passed |", "|---|---|---|---|"]
    return lines + [
        f"| {g.expected} | {g.value:.4f} | {g.threshold:g} | {'yes' if g.passed else 'no'} |"
        for g in evaluation.gates
    ]


def _inputs(manifest: Manifest) -> list[str]:
    """What a client sends, what is made of other columns that it sends, and what it gets."""
    signature = manifest.signature
    lines = ["", "## Inputs", "", "| name | type | missing allowed | categories |"]
    lines += ["|---|---|---|---|"]
    lines += [
        f"| {_cell(f.name)} | {f.dtype} | {'yes' if f.nullable else 'no'} | "
        f"{'' if f.categories is None else len(f.categories)} |"
        for f in signature.inputs
    ]
    if manifest.classes is not None:
        lines += ["", f"Classes: {', '.join(_code(label) for label in manifest.classes)}."]
    if signature.ignored:
        names = ", ".join(_code(name) for name in signature.ignored)
        lines += ["", f"Columns that are no features, dropped where a client sends them: {names}."]
    return lines


def _split(manifest: Manifest, schema: ExampleSchema) -> list[str]:
    split = manifest.spec["split"]
    how = {
        "random": f"by a stable hash of {_key(manifest)}, seed {split['seed']}",
        "group": f"by whole groups of {_code(split['group'])}, seed {split['seed']}",
        "time": f"by {_code(manifest.spec['timestamp'])}, the latest rows held out",
    }[split["method"]]
    share = f"{split['test']:g} for testing and {split['validation']:g} for validation"
    lines = ["", "## Split", "", f"Rows were split {how}: {share}."]
    if manifest.data.fresh is not None:
        lines = [
            *lines[:-1],
            "Test is the newest fifth of the fresh rows, for this model and for the champion. The "
            f"other rows were split {how}: {share}. {schema.set_aside:,} rows were set aside: what "
            "the sources hold out, and what repeats it or the newest fifth.",
        ]
    if schema.shared_rows:
        lines += [
            "",
            f"{schema.shared_rows:,} held-out rows equal a row of an earlier part in all features "
            "and the target: scores on them flatter the model.",
        ]
    return lines


def _key(manifest: Manifest) -> str:
    return "the row" if manifest.spec["id"] is None else _code(manifest.spec["id"])


def _dropped(schema: ExampleSchema) -> list[str]:
    if not schema.dropped:
        return []
    lines = ["", "## Features left out", "", "| name | why |", "|---|---|"]
    return lines + [f"| {_cell(d.name)} | {_cell(d.reason)} |" for d in schema.dropped]


def _parity_text(task: str, parity: Parity | None, reason: str) -> str:
    if parity is None or reason:
        return f" ({reason})"
    within = f"within {parity.difference:.1e}"
    if task == "regression":
        said = f"values {within} of their spread"
    else:
        said = f"labels equal, probabilities {within}"
    return (
        f", which answers all {parity.rows:,} validation rows as scikit-learn does: {said} "
        f"(tolerance {parity.tolerance:.0e})"
    )


def _params(params: Mapping[str, object]) -> str:
    said = (f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in params.items())
    return ", ".join(said)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _code(value: object) -> str:
    """Code in Markdown, whatever is in it: fenced by more backticks than it holds itself."""
    text = " ".join(str(value).split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}"
