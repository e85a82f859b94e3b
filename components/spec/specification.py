"""The spec as a whole: its keys, its doors, and the documents in which it travels."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationInfo, model_validator

from components.spec.check import check
from components.spec.contract_file import inline
from components.spec.data import Checks, Column, Csv, Features, Privacy, Split
from components.spec.document import read_document, read_file
from components.spec.overrides import override
from components.spec.problems import Problem, SpecProblemsError
from components.spec.rules import contradictions
from components.spec.section import Section
from components.spec.sections import Gates, Monitor, Search, Serve
from components.spec.sources import resolve
from components.spec.values import ColumnName, Name, Scalar, Sources, Text
from components.spec.vocabulary import (
    ALL_CANDIDATES,
    CANDIDATES,
    METRICS,
    SEARCH_METRIC,
    Task,
)


class Spec(Section):
    """One model: its data, how it is trained and judged, served and watched."""

    name: Name = Field(
        description="What the run, the model and the InferenceService are called: a DNS label.",
        examples=["telco-churn"],
    )
    task: Task = Field(
        description=(
            "What is learned: binary (one of two labels), multiclass (one of several) or "
            "regression (a number)."
        )
    )
    source: Sources = Field(
        description=(
            "Where the rows are: a path, a glob, file://, s3://, gs://, https:// or "
            "sklearn://NAME, or a list of them; CSV (also .gz), Parquet or JSON lines. A relative "
            "path is relative to the spec's folder."
        ),
        examples=["data/churn-*.csv", "sklearn://breast_cancer"],
    )
    target: ColumnName = Field(description="The column that is predicted.", examples=["Churn"])
    positive: Scalar | None = Field(
        None,
        description=(
            "With task binary: the label that counts as positive, by its value or its text; left "
            "out, the last of the two labels in sorted order."
        ),
        examples=["Yes"],
    )
    id: ColumnName | None = Field(
        None, description="The column that identifies a row's entity; never a feature."
    )
    timestamp: ColumnName | None = Field(
        None, description="The column that dates a row: for time splits and freshness."
    )
    drop: list[ColumnName] = Field([], description="Columns to leave out.", examples=[["notes"]])
    columns: dict[ColumnName, Column] = Field(
        {}, description="What is known of single columns; the rest is inferred from the data."
    )
    contract: Text | None = Field(
        None,
        description=(
            "A contract's file, as `kubeloop contract` writes it: what it says of columns holds "
            "where `columns` is silent. Relative to the spec's folder."
        ),
        examples=["churn.contract.yaml"],
    )
    csv: Csv = Field(Csv(), description="How text files are written, where it is not found out.")
    checks: Checks = Field(
        Checks(), description="What the table must keep as a whole, and what a failure does."
    )
    privacy: Privacy = Field(
        Privacy(), description="What is done about undeclared columns that look private."
    )
    split: Split = Field(
        Split(), description="How rows are set aside for choosing and for judging models."
    )
    features: Features = Field(Features(), description="How columns become what models learn from.")
    candidates: list[Text] = Field(
        default_factory=list,
        min_length=1,
        description=(
            "The estimators to train, side by side: logistic (classification), linear "
            "(regression), random_forest, hist_gradient_boosting; left out, all of the task's."
        ),
        examples=[["logistic", "random_forest"]],
        json_schema_extra={"items": {"enum": list(ALL_CANDIDATES)}},
    )
    search: Search = Field(
        default_factory=Search, description="How each candidate's parameters are searched."
    )
    gates: Gates = Field(
        Gates(), description="What a model must reach on the hold-out before it may be deployed."
    )
    serve: Serve = Field(
        Serve(), description="How the model is served, and how a new version takes over."
    )
    monitor: Monitor = Field(Monitor(), description="How the served model is watched.")

    @model_validator(mode="before")
    @classmethod
    def _suit_the_task(cls, value: Any) -> Any:
        """Fill in the candidates and the metric of the task, which their own fields cannot know."""
        task = value.get("task") if isinstance(value, dict) else None
        if not isinstance(task, str) or task not in METRICS:
            return value
        suited = {**value}
        if suited.get("candidates") is None:
            suited["candidates"] = list(CANDIDATES[task])
        search = suited.get("search")
        if isinstance(search, Search):
            search = search.model_dump()
        if search is None or (isinstance(search, dict) and not search.get("metric")):
            suited["search"] = {**(search or {}), "metric": SEARCH_METRIC[task]}
        return suited

    @model_validator(mode="after")
    def _refuse_contradictions(self, info: ValidationInfo) -> Self:
        is_draft = isinstance(info.context, dict) and info.context.get("draft")
        if not is_draft and (problems := contradictions(self)):
            raise SpecProblemsError(problems)
        return self

    def to_json(self) -> str:
        """Write the spec, defaults included, as the one JSON document that `from_json` reads."""
        return _canonical(self.model_dump(mode="json"))

    def digest(self) -> str:
        """Fingerprint what decides the model and its judgement, as `sha256:<hex>`.

        Left out are `serve` and `monitor`, which act on a model that is already made, so that
        another replica count trains nothing anew; and `source`, because the data has a
        fingerprint of its own and the same rows in another folder are the same rows; and the
        contract's file, whose content is in `columns`.
        """
        beside = {"source", "contract", "serve", "monitor"}
        deciding = self.model_dump(mode="json", exclude=beside)
        return f"sha256:{hashlib.sha256(_canonical(deciding).encode()).hexdigest()}"


def load(path: Path, overrides: Sequence[str] = ()) -> Spec:
    """Read a spec file.

    Args:
        path: a YAML (or JSON) file in UTF-8, at most 1 MiB.
        overrides: `KEY=VALUE` assignments, dotted (`search.trials=20`), in their order.

    Returns:
        The spec, its relative sources resolved against the file's folder.

    Raises:
        SpecError: the file cannot be read.
        SpecProblemsError: its content is no spec; every problem at once.
    """
    text = read_file(path)
    return _read(text, overrides, folder=path.parent, origin=str(path))


def parse(text: str, overrides: Sequence[str] = (), folder: Path | None = None) -> Spec:
    """Read a spec from YAML or JSON text.

    Args:
        text: the document.
        overrides: `KEY=VALUE` assignments, dotted, in their order.
        folder: what relative sources are relative to; without it they stay as they are.

    Returns:
        The spec.

    Raises:
        SpecProblemsError: the text is no spec; every problem at once.
    """
    return _read(text, overrides, folder=folder, origin="the spec")


def from_json(document: str) -> Spec:
    """Read a document that `Spec.to_json` wrote.

    Raises:
        SpecProblemsError: it is no such document.
    """
    try:
        content = json.loads(document)
    except (ValueError, RecursionError) as exc:
        problem = Problem("the document", document, "JSON, as Spec.to_json writes it", str(exc))
        raise SpecProblemsError([problem]) from exc
    return check(content, Spec, contradictions)


def plan(spec: Spec) -> list[str]:
    """List the candidates that a run trains, in order: the pipeline's parameter `candidates`."""
    return list(spec.candidates)


def schema() -> dict[str, Any]:
    """Build the spec's JSON Schema (draft 2020-12), by which editors complete and check."""
    described = Spec.model_json_schema()
    described["title"] = "Kubeloop spec"
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:kubeloop:spec:1",
        **described,
    }


def _canonical(content: object) -> str:
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _read(text: str, overrides: Sequence[str], *, folder: Path | None, origin: str) -> Spec:
    document, problems = read_document(text, origin)
    problems += override(document, overrides)
    problems += inline(document, folder)
    spec = check(document, Spec, contradictions, problems=problems, origin=origin)
    return spec.model_copy(update={"source": [resolve(place, folder) for place in spec.source]})
