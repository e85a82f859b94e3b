"""`kubeloop init`: looks at the data and writes a spec that a person touches in a few lines."""

import json
import os
from pathlib import Path

import polars as pl

from components.errors import SpecError
from components.ingest.places import find_places
from components.ingest.sources import scan
from components.spec import CANDIDATES, SEARCH_METRIC, parse
from components.validate.profile import Profile, profile

# A number with more different values than this is a quantity; with fewer it is a class.
_MOST_CLASSES = 20
# Below 1, since the count of different values is an estimate that errs by a few percent.
_ID_SHARE = 0.95


def draft_spec(data: str, target: str, folder: Path) -> str:
    """Drafts a spec.

    Args:
        data: a file, a glob (its first file is looked at) or `sklearn://NAME`.
        target: the column to predict.
        folder: where the spec will lie; a path in it is relative to there.

    Returns:
        YAML with comments, which `check` accepts.

    Raises:
        DataError: the data cannot be read.
        SpecError: the target is no column of it.
    """
    rows = scan(find_places([data])[0])
    source = data if "://" in data else os.path.relpath(data, folder)
    profiles = profile(rows, {})
    if target not in profiles:
        msg = f"target {target!r} is no column of {data!r}: it has {', '.join(profiles)}"
        raise SpecError(msg)
    task, labels = _task(rows, target, profiles[target])
    lines = [
        f"# Drafted from {profiles[target].rows:,} rows and {len(profiles)} columns. Only name, "
        "task, source and",
        "# target are required; `kubeloop schema` describes every key.",
        f"name: {_name(data)}",
        f"task: {task:<29}# binary | multiclass | regression",
        f"source: {_quoted(source)}",
        f"target: {_quoted(target)}",
    ]
    if task == "binary":
        lines.append(f"positive: {json.dumps(labels[-1])}  # the label that the scores are about")
    lines += _special_columns(profiles, target)
    lines += [
        "",
        "# Trained side by side; the best one on search.metric goes on.",
        f"candidates: [{', '.join(CANDIDATES[task])}]",
        f"search: {{metric: {SEARCH_METRIC[task]}, trials: 10}}",
        "",
        "# What the model must reach on the hold-out, or it is not deployed. Set it to what you",
        "# would not go below.",
        "gates:",
        f"  metrics: {{}}  # such as {_gate(task)}",
        "  champion: {min_gain: 0.0}",
        "",
    ]
    text = "\n".join(lines)
    parse(text)
    return text


def _task(rows: pl.LazyFrame, target: str, seen: Profile) -> tuple[str, list[object]]:
    if seen.numeric and seen.distinct > _MOST_CLASSES:
        return "regression", []
    labels = sorted(rows.select(pl.col(target).drop_nulls().unique()).collect()[target].to_list())
    return ("binary" if len(labels) == 2 else "multiclass"), labels


def _special_columns(profiles: dict[str, Profile], target: str) -> list[str]:
    """Names what looks like an id or a time; both stay comments where there is more than one."""
    lines = []
    ids = [n for n, seen in profiles.items() if n != target and _looks_like_id(n, seen)]
    times = [n for n, seen in profiles.items() if n != target and _is_date(seen)]
    if ids:
        lines.append(f"id: {_quoted(ids[0])}  # identifies a row; never a feature")
    if times:
        said = "# dates a row; split: {method: time} then judges on the newest rows"
        lines.append(f"timestamp: {_quoted(times[0])}  {said}")
    return lines


def _looks_like_id(name: str, seen: Profile) -> bool:
    whole = seen.dtype == pl.String or seen.dtype.is_integer()
    named = name.lower() in ("id", "uuid", "key") or name.lower().endswith(("_id", "id", "_key"))
    return whole and named and not seen.missing and seen.distinct > _ID_SHARE * seen.rows


def _is_date(seen: Profile) -> bool:
    return seen.date_format is not None or seen.dtype in (pl.Date, pl.Datetime)


def _name(data: str) -> str:
    stem = data.rsplit("/", 1)[-1].removeprefix("sklearn://").split(".")[0].lower()
    words = "".join(c if c.isascii() and c.isalnum() else "-" for c in stem)
    name = "-".join(word for word in words.split("-") if word)[:40].strip("-")
    return name if name[:1].isalpha() else f"model-{name}".rstrip("-")


def _gate(task: str) -> str:
    return {
        "binary": "roc_auc: {min: 0.8}",
        "multiclass": "accuracy: {min: 0.8}",
        "regression": "r2: {min: 0.5}",
    }[task]


def _quoted(text: str) -> str:
    """Quotes a text that YAML would read otherwise; JSON's quoting is YAML's."""
    plain = text.replace("_", "").replace("-", "").replace("/", "").replace(".", "").isalnum()
    words = ("yes", "no", "true", "false", "null", "on", "off", "y", "n")
    safe = plain and text[:1].isalpha() and text.lower() not in words
    return text if safe or text.startswith("/") and plain else json.dumps(text, ensure_ascii=False)
