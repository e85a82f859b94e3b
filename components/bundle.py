"""The model bundle: the one folder in which a model travels from `package` to every endpoint.

`package` writes it, `register` versions it, `serve` loads it, `evaluate` and batch scoring predict
with it. Everything a bundle says about itself is in `bundle.json`; `read` trusts none of the other
files until their SHA-256 digests match. Loading imports ONNX Runtime alone, or skops with a fixed
list of types where ONNX could not hold the pipeline; never a pickle.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StringConstraints, ValidationError, model_validator

from components.errors import BundleError
from components.fresh import Fresh
from components.runners import Runner, onnx_runner, skops_runner
from components.seal import (
    DIGEST,
    MANIFEST,
    digests,
    manifest_digest,
    plain,
    read_document,
    verify,
)
from components.signature import Frozen, Label, Numbers, Signature, Strings

FORMAT = 1
MODEL_FILES = {"onnx": "model.onnx", "skops": "model.skops"}
STATISTICS = "statistics.json"
_SHOWN = 20
# A plain name: a manifest vouches for its own folder and for nothing outside it.
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


class Golden(Frozen):
    """Rows with the answers that the packaged model gave; a deployment must repeat them."""

    rows: tuple[dict[str, float | str | None], ...]
    labels: tuple[Label, ...] | None = None
    probabilities: tuple[tuple[float, ...], ...] | None = None
    predictions: tuple[float, ...] | None = None


class DataLineage(Frozen):
    """What the model was trained from and judged on.

    Attributes:
        rows: how many there were.
        columns: how many columns they had.
        fingerprint: of their content.
        fresh: of the rows, which ones were fresh; None where all were the sources'.
    """

    rows: int
    columns: int
    fingerprint: str
    # A bundle of the sources' rows alone is what it was before there were fresh rows.
    fresh: Fresh | None = Field(None, exclude_if=lambda value: value is None)


class Interval(Frozen):
    """A metric with the bounds of its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


class Manifest(Frozen):
    """`bundle.json`: everything a bundle says about itself. Times are UTC, ISO 8601.

    `files` holds the SHA-256 of every other file, `digest` that of the manifest without it.
    """

    format: Annotated[int, Field(ge=1)] = FORMAT
    name: str
    task: Literal["binary", "multiclass", "regression"]
    runtime: Literal["onnx", "skops"]
    signature: Signature
    classes: tuple[Label, ...] | None
    threshold: float | None
    golden: Golden
    data: DataLineage
    spec: dict[str, Any]
    metrics: dict[str, dict[str, Interval]]
    libraries: dict[str, str]
    revision: str
    run_id: str
    trained_at: str
    files: dict[FileName, str] = {}
    digest: str = ""

    @model_validator(mode="after")
    def _check_classes(self) -> Self:
        """Answers are decided by the classes, so they must be those of the task."""
        if (self.classes is None) != (self.task == "regression"):
            msg = f"classes are for classification, and the task is {self.task!r}"
            raise ValueError(msg)
        if self.task == "binary" and (len(self.classes or ()) != 2 or self.threshold is None):
            msg = "a binary model has two classes and a threshold"
            raise ValueError(msg)
        return self


@dataclass(slots=True)
class Prediction:
    """Answers for n rows.

    Attributes:
        labels: n classes in the source's type; None for regression.
        probabilities: float64 (n, classes), rows sum to 1; None for regression.
        values: float64 (n,); None for classification.
    """

    labels: list[bool | int | str] | None
    probabilities: NDArray[np.float64] | None
    values: NDArray[np.float64] | None


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle, ready to predict."""

    manifest: Manifest
    run: Runner

    def predict(self, numbers: Numbers, strings: Strings) -> Prediction:
        """Predicts n rows.

        Args:
            numbers: float32 (n, numbers); NaN is missing.
            strings: object (n, strings) of str; the empty string is missing.

        Returns:
            Labels and probabilities, or values.
        """
        return answer(self.manifest, self.run(numbers, strings))


def answer(manifest: Manifest, raw: NDArray[np.float64]) -> Prediction:
    """Turns the model's raw output into answers: the one place where a label is decided.

    Args:
        manifest: names the task, classes and threshold.
        raw: class probabilities (n, classes), or values (n,).

    Returns:
        For binary the positive class where its probability reaches the threshold; for multiclass
        the most probable class, the first of equals.
    """
    if manifest.classes is None:
        return Prediction(labels=None, probabilities=None, values=raw.reshape(-1))
    classes, threshold = manifest.classes, manifest.threshold
    if threshold is None:
        labels = [classes[index] for index in raw.argmax(axis=1).tolist()]
    else:
        # A comparison is 0 or 1; for a row or a hundred, plain values are quicker than arrays.
        labels = [classes[score >= threshold] for score in raw[:, 1].tolist()]
    return Prediction(labels=labels, probabilities=raw, values=None)


def write(folder: Path, manifest: Manifest) -> Manifest:
    """Seals the files that lie in a folder with their manifest; the manifest comes last.

    Args:
        folder: holds the model, `reference.json` and the card already.
        manifest: all but the files' digests.

    Returns:
        The manifest as written, digests included.

    Raises:
        BundleError: the model's file is missing.
    """
    model = MODEL_FILES[manifest.runtime]
    if not (folder / model).is_file():
        msg = f"cannot seal bundle {str(folder)!r}: {model!r} is missing"
        raise BundleError(msg)
    sealed = manifest.model_copy(update={"files": digests(folder)})
    document = sealed.model_dump(mode="json")
    document[DIGEST] = manifest_digest(document)
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)
    partial = folder / f".{MANIFEST}.partial"
    partial.write_text(text + "\n", encoding="utf-8")
    os.replace(partial, folder / MANIFEST)
    return sealed.model_copy(update={DIGEST: document[DIGEST]})


def read(folder: Path, *, alone: bool = False) -> Manifest:
    """Reads and verifies a bundle without loading its model.

    Args:
        folder: the bundle's folder.
        alone: whether the folder may hold nothing else, and no file of it lie elsewhere.

    Returns:
        The manifest, every file's digest having matched.

    Raises:
        BundleError: there is no bundle, its format is newer, its manifest is malformed, or a file
            is missing, altered, no file, or there besides; every such file is named.
    """
    document = read_document(folder / MANIFEST)
    stated = document.get("format") if isinstance(document, dict) else None
    if isinstance(stated, int) and stated > FORMAT:
        msg = (
            f"bundle {str(folder)!r} has format {stated}, this version reads up to {FORMAT}: "
            "use a newer Kubeloop"
        )
        raise BundleError(msg)
    try:
        manifest = Manifest.model_validate(document)
    except ValidationError as exc:
        fields = sorted({".".join(map(str, e["loc"])) or e["msg"] for e in exc.errors()})
        more = f" and {len(fields) - _SHOWN} more" if len(fields) > _SHOWN else ""
        said = ", ".join(map(plain, fields[:_SHOWN])) + more
        msg = f"bundle {str(folder)!r} is damaged: {MANIFEST} is wrong at {said}"
        raise BundleError(msg) from exc
    verify(folder, document, needed=MODEL_FILES[manifest.runtime], alone=alone)
    return manifest


def load(folder: Path) -> Bundle:
    """Verifies a bundle and loads its model.

    Args:
        folder: the bundle's folder.

    Returns:
        The bundle, ready to predict.

    Raises:
        BundleError: as `read`, or the model's file cannot be loaded.
    """
    manifest = read(folder)
    model = folder / MODEL_FILES[manifest.runtime]
    open_model = onnx_runner if manifest.runtime == "onnx" else skops_runner
    try:
        return Bundle(manifest, open_model(model))
    except Exception as exc:
        msg = f"bundle {str(folder)!r}: {model.name} cannot be loaded ({exc})"
        raise BundleError(msg) from exc
