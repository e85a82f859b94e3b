"""The models in service: proved before they serve, and swapped at once.

A loaded model is immutable, so a request keeps the one that it began with while another takes its
place. Loading may run in a thread beside the event loop; a swap is one assignment.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components import bundle
from components.bundle import Bundle, Manifest, Prediction
from components.errors import BundleError
from components.serve.contract import Contract, Tensors
from components.serve.refusal import RefusalError
from components.signature import tensors

# The parity that packaging grants between machines; labels have to be equal.
PROBABILITY_TOLERANCE = 1e-4
VALUE_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Proof:
    """That a model repeats its golden answers here.

    Attributes:
        rows: golden rows that were predicted.
        seconds: what predicting them all took, once warm.
    """

    rows: int
    seconds: float


@dataclass(frozen=True)
class Model:
    """A model in service, immutable."""

    name: str
    version: int
    folder: Path
    bundle: Bundle
    contract: Contract
    proof: Proof

    @property
    def manifest(self) -> Manifest:
        """What the bundle says about itself."""
        return self.bundle.manifest

    def predict(self, rows: Tensors) -> Prediction:
        """Predicts validated rows."""
        return self.bundle.predict(rows.numbers, rows.strings)


class Models:
    """Models by name, at most one version of each in service."""

    def __init__(self) -> None:
        """Starts with no model."""
        self._models: dict[str, Model] = {}
        # Why a name that should be served is not: it failed, or is being loaded.
        self._waiting: dict[str, str] = {}
        self._loading: set[str] = set()

    def get(self, name: str) -> Model | None:
        """Returns the model in service, or None."""
        return self._models.get(name)

    def find(self, name: str) -> Model:
        """Returns the model in service.

        Raises:
            RefusalError: 404 for a name that nobody loaded, 503 for one that is being loaded or
                could not be.
        """
        model = self._models.get(name)
        if model is not None:
            return model
        if name in self._waiting:
            msg = f"Model with name {name} is not ready."
            raise RefusalError(msg, status=503)
        # KServe's own words, here and above, which its handlers say too.
        msg = f"Model with name {name} does not exist."
        raise RefusalError(msg, status=404)

    def names(self) -> list[str]:
        """Returns every known name, ready or not."""
        return sorted({*self._models, *self._waiting})

    def put(self, model: Model) -> Model | None:
        """Puts a model in service and returns the one that it replaces."""
        old = self._models.get(model.name)
        self._models[model.name] = model
        self._forget(model.name)
        return old

    def remove(self, name: str) -> Model | None:
        """Takes a model out of service and returns it."""
        self._forget(name)
        return self._models.pop(name, None)

    def failed(self, name: str, reason: str) -> None:
        """Keeps a name that should be served and is not, so that it answers 503."""
        self._waiting[name] = reason
        self._loading.discard(name)

    def expect(self, name: str) -> None:
        """Keeps a name that is about to be loaded for the first time; until then it answers 503."""
        if name not in self._models:
            self._waiting[name] = "it is being loaded"
            self._loading.add(name)

    @property
    def settled(self) -> bool:
        """Whether nothing is being loaded for the first time."""
        return not self._loading

    def reason(self, name: str) -> str:
        """Returns why a known name is not in service; empty where it is."""
        return self._waiting.get(name, "")

    def _forget(self, name: str) -> None:
        self._waiting.pop(name, None)
        self._loading.discard(name)


def open_model(folder: Path, version: int) -> Model:
    """Verifies, loads and proves a bundle.

    Args:
        folder: the bundle's folder.
        version: the integer that the registry gave it.

    Returns:
        The model, ready to serve.

    Raises:
        BundleError: the bundle is damaged, cannot be loaded, or does not repeat its golden answers.
    """
    loaded = bundle.load(folder)
    manifest = loaded.manifest
    contract = Contract(manifest.signature)
    return Model(manifest.name, version, folder, loaded, contract, prove(loaded))


def prove(loaded: Bundle) -> Proof:
    """Predicts the golden rows and compares the answers with the packaged ones.

    Args:
        loaded: the bundle.

    Returns:
        How many rows, and how long they took on the second, warm, pass.

    Raises:
        BundleError: there are no golden rows, they cannot be predicted, or an answer differs.
    """
    manifest = loaded.manifest
    rows = manifest.golden.rows
    if not rows:
        msg = f"model {manifest.name!r} has no golden rows, so it cannot be proved; package it anew"
        raise BundleError(msg)
    try:
        numbers, strings = tensors(manifest.signature, rows)
        answers = loaded.predict(numbers, strings)
        started = time.perf_counter()
        loaded.predict(numbers, strings)
        seconds = time.perf_counter() - started
        flaw = _difference(manifest, answers)
    except Exception as exc:
        msg = f"model {manifest.name!r} cannot predict its golden rows: {exc}"
        raise BundleError(msg) from exc
    if flaw is not None:
        msg = f"model {manifest.name!r} does not repeat its golden answers: {flaw}"
        raise BundleError(msg)
    return Proof(len(rows), seconds)


def _difference(manifest: Manifest, answers: Prediction) -> str | None:
    """Returns the first way in which answers differ from the golden ones, or None."""
    golden = manifest.golden
    if answers.labels is None:
        return _unlike(golden.predictions, answers.values, "predictions", VALUE_TOLERANCE, 0.0)
    wanted = list(golden.labels or ())
    if answers.labels != wanted:
        wrong = [
            i
            for i, pair in enumerate(zip(answers.labels, wanted, strict=False))
            if pair[0] != pair[1]
        ]
        return (
            f"{len(wrong)} labels differ, the first at row {wrong[0]}"
            if wrong
            else (f"{len(wanted)} golden labels for {len(answers.labels)} rows")
        )
    tolerance = PROBABILITY_TOLERANCE
    return _unlike(golden.probabilities, answers.probabilities, "probabilities", 0.0, tolerance)


def _unlike(wanted: object, got: object, what: str, relative: float, absolute: float) -> str | None:
    expected = np.asarray(wanted, dtype=np.float64)
    actual = np.asarray(got, dtype=np.float64)
    if expected.shape != actual.shape:
        return f"{what} have shape {actual.shape}, the golden ones {expected.shape}"
    # A relative bound alone would ask exactness of a value that happens to be zero.
    floor = max(absolute, 1e-6 * relative * float(np.abs(expected).max()))
    bad = ~(np.abs(actual - expected) <= floor + relative * np.abs(expected))
    if not bad.any():
        return None
    worst = float(np.abs(actual - expected)[bad].max())
    rows = int(bad.reshape(len(bad), -1).any(axis=1).sum())
    return f"{what} of {rows} rows differ by up to {worst:.3g}"
