"""`kubeloop init`: looks at the data and writes a spec that a person touches in a few lines."""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from components.contract import ColumnType, Contract, Lineage, Role
from components.errors import SpecError
from components.findings import Finding
from components.ingest.formats import shown
from components.ingest.opening import opened
from components.ingest.personal import find_personal
from components.spec import CANDIDATES, SEARCH_METRIC, Csv, parse
from components.validate.inference import infer_columns
from components.validate.leakage import telling
from components.validate.profile import Profile, profile
from components.validate.reading import NUMBER_MISSING, Reading, Readings
from components.validate.target import class_index, find_classes
from components.validate.typed import typed

# What a spec is drafted from shows in so many rows; a big file is not read to its end for it.
_LOOKED_AT = 100_000
# A number with more different values than this is a quantity; with fewer it is a class.
_MOST_CLASSES = 20
# Below 1, since the count of different values is an estimate that errs by a few percent.
_ID_SHARE = 0.95
# Lower than `checks.max_leakage`: here a person is only asked. Of the taxis' columns the sum that
# holds the fare tells it by 0.97, the way driven, which is known beforehand, by 0.93.
_SUSPECT = 0.95
# A date of birth dates a person and not the row.
_NO_TIMESTAMP = ("birth", "dob", "geburt", "expir", "valid")
_FEW_WORDS = 3


@dataclass(frozen=True)
class _Look:
    """What the first rows show."""

    rows: pl.LazyFrame
    profiles: dict[str, Profile]
    findings: tuple[Finding, ...]
    is_whole: bool


def draft_spec(data: str, target: str, folder: Path) -> str:
    """Drafts a spec.

    Args:
        data: a file, a glob, an address or `sklearn://NAME`; its first 100,000 rows are looked at.
        target: the column to predict.
        folder: where the spec will lie; a path in it is relative to there.

    Returns:
        YAML with comments, which `check` accepts.

    Raises:
        DataError: the data cannot be read.
        SpecError: the target is no column of it.
    """
    with tempfile.TemporaryDirectory(prefix="kubeloop-") as scratch:
        table = Path(scratch, "table")
        with opened([data], Csv(), table) as tables:
            # Read once and held: a spec is drafted by looking at few rows many times.
            first = tables[0].rows.head(_LOOKED_AT + 1).collect(engine="streaming")
    rows = first.head(_LOOKED_AT).lazy()
    if target not in first.columns:
        # Without a header line, its first row stands for the names.
        msg = (
            f"target {target!r} is no column of {shown(data)!r}, which has {first.width:,}: check "
            "the spelling, and that its first line is a header"
        )
        raise SpecError(msg)
    profiles, joined = profile(rows, lambda _: Reading())
    look = _Look(joined, profiles, find_personal(rows, [target]), first.height <= _LOOKED_AT)
    task, labels = _task(joined, target, profiles[target])
    source = data if "://" in data else os.path.relpath(data, folder)
    head = [
        f"name: {_name(data)}",
        f"task: {task:<29}# binary | multiclass | regression",
        f"source: {_quoted(source)}",
        f"target: {_quoted(target)}",
    ]
    if task == "binary":
        head.append(f"positive: {json.dumps(labels[-1])}  # the label that the scores are about")
    if profiles[target].missing:
        said = f"# {profiles[target].missing:,} rows have no target"
        head.append(f"checks: {{unlabelled: drop}}  {said}")
    head += _special_columns(look, target)
    text = "\n".join(
        [*_intro(look, target), *head, *_suggestions(look, target, head), *_tail(task)]
    )
    parse(text)
    return text


def _intro(look: _Look, target: str) -> list[str]:
    first = "" if look.is_whole else "the first "
    return [
        f"# Drafted from {first}{look.profiles[target].rows:,} rows and {len(look.profiles)} "
        "columns. Only name, task, source and",
        "# target are required; `kubeloop schema` describes every key.",
    ]


def _tail(task: str) -> list[str]:
    return [
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


def _task(rows: pl.LazyFrame, target: str, seen: Profile) -> tuple[str, list[object]]:
    if seen.numeric and seen.distinct > _MOST_CLASSES:
        return "regression", []
    labels = sorted(rows.select(pl.col(target).drop_nulls().unique()).collect()[target].to_list())
    return ("binary" if len(labels) == 2 else "multiclass"), labels


def _special_columns(look: _Look, target: str) -> list[str]:
    """Names what looks like an id and what dates a row."""
    lines = []
    others = [(name, seen) for name, seen in look.profiles.items() if name != target]
    ids = [name for name, seen in others if _looks_like_id(name, seen)]
    times = [name for name, seen in others if _dates_rows(name, seen)]
    if ids:
        lines.append(f"id: {_quoted(ids[0])}  # identifies a row; never a feature")
    if times:
        more = f"; also a date: {', '.join(times[1:])}" if times[1:] else ""
        lines.append(f"timestamp: {_quoted(times[0])}  # dates a row{more}")
        lines.append("split: {method: time}  # judges on the newest rows; or random")
    return lines


def _looks_like_id(name: str, seen: Profile) -> bool:
    whole = seen.dtype == pl.String or seen.dtype.is_integer()
    named = name.lower() in ("id", "uuid", "key") or name.lower().endswith(("_id", "id", "_key"))
    return whole and named and not seen.missing and seen.distinct > _ID_SHARE * seen.rows


def _dates_rows(name: str, seen: Profile) -> bool:
    told_otherwise = any(word in name.lower() for word in _NO_TIMESTAMP)
    return seen.is_date and not seen.missing and seen.distinct > 1 and not told_otherwise


def _suggestions(look: _Look, target: str, head: list[str]) -> list[str]:
    """What a person may want to say of columns; what only a person can know stays a comment."""
    sure = {name: said for name in look.profiles if (said := _words(look, name))}
    lines = []
    if sure:
        lines += ["columns:", *(f"  {_quoted(name)}: {said}" for name, said in sure.items())]
    kinds: dict[str, list[str]] = {}
    for finding in look.findings:
        kinds.setdefault(finding.column, []).append(finding.kind)
    if kinds:
        lines.append("# These may be personal; to keep one out of the model, uncomment it:")
        lines += [] if sure else ["# columns:"]
        lines += [
            f"#   {_quoted(name)}: {{privacy: drop}}  # {', '.join(found)}; or hash, mask, public"
            for name, found in kinds.items()
        ]
    if leaks := _leaks(look, target, head):
        said = ", ".join(f"{name} {score:.2f} of 1" for name, score in leaks.items())
        lines.append(f"# Tells the target nearly alone ({said}); if only known afterwards:")
        lines.append(f"# drop: [{', '.join(map(_quoted, leaks))}]")
    return ["", *lines] if lines else []


def _words(look: _Look, name: str) -> str:
    """Declares the few words that stand for "no value" among numbers."""
    seen = look.profiles[name]
    known = seen.rows - seen.missing
    if seen.dtype != pl.String or not known / 2 <= seen.numbers < known:
        return ""
    text = pl.col(name)
    others = look.rows.filter(text.is_not_null() & text.cast(pl.Float64, strict=False).is_null())
    words = sorted(others.select(text.unique()).collect()[name].to_list())
    strange = [word for word in words if word not in NUMBER_MISSING]
    if not 0 < len(strange) <= _FEW_WORDS:
        return ""
    return f"{{type: number, missing: {json.dumps(words, ensure_ascii=False)}}}"


def _leaks(look: _Look, target: str, head: list[str]) -> dict[str, float]:
    """The features that alone tell the target nearly entirely."""
    spec = parse("\n".join(head))
    profiles, rows = profile(look.rows.select(list(look.profiles)), Readings(spec).of)
    columns = infer_columns(spec, profiles)
    own = next(column for column in columns if column.name == target)
    found = find_classes(rows, spec, own, profiles[target])
    if found.labels == ():
        return {}
    lineage = Lineage(run_id="init", rows=0, columns=len(columns), fingerprint="")
    contract = Contract(columns=columns, target=target, classes=found.labels, lineage=lineage)
    answer = typed(own, profiles[target])
    if found.labels is not None:
        answer = class_index(own, profiles[target], found.labels).alias(target)
    features = [
        typed(c, profiles[c.name])
        for c in columns
        if c.role is Role.FEATURE and c.type is not ColumnType.DATE
    ]
    kept = [c for c in columns if c.role is Role.TARGET or c.type is not ColumnType.DATE]
    contract = contract.model_copy(update={"columns": tuple(kept)})
    scores = telling(rows.select(*features, answer).collect(), contract)
    return {name: score for name, score in scores.items() if score >= _SUSPECT}


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
