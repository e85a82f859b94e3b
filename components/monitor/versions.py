"""The registered versions: what a model's signature and classes are, and so what may be stored.

`deploy` registers a version before it takes traffic. From then on an event's columns are held
against the signature, and a label against the classes, by value or by its text.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeGuard

from components.monitor.refusal import CONFLICT, RefusedError, Review, invalid
from components.monitor.storage.connection import Connection
from components.monitor.wire import MAX_INTEGER, MAX_NAME, canonical_json, is_name, is_number
from components.names import is_dns_label

BUNDLE_FORMAT: Final = 1
REFERENCE_FORMAT: Final = 1
TASKS: Final = ("binary", "multiclass", "regression")
DTYPES: Final = ("float32", "string", "date")

Label = bool | int | float | str

_VERSION: Final = re.compile(r"[1-9][0-9]{0,18}")
_SHOWN_CLASSES: Final = 20


@dataclass(frozen=True, slots=True)
class Version:
    """One registered version of a model.

    Attributes:
        model: the model's name.
        number: the version that the registry assigned, 1 or more.
        task: `binary`, `multiclass` or `regression`.
        runtime: `onnx` or `skops`.
        inputs: dtype by the name of each input: `float32`, `string` or `date`.
        classes: in the source's type; None for regression.
        by_text: each class by its text.
        digest: SHA-256 of the content as registered, hexadecimal.
        bundle: `bundle.json` as text, without its golden rows: the store needs no row that no
            client sent.
        reference: `reference.json` as text.
    """

    model: str
    number: int
    task: str
    runtime: str
    inputs: Mapping[str, str]
    classes: tuple[bool | int | str, ...] | None
    by_text: Mapping[str, bool | int | str] = field(repr=False)
    digest: str
    bundle: str = field(repr=False)
    reference: str = field(repr=False)

    def match(self, label: Label) -> Label | None:
        """Finds the class that a label means.

        Args:
            label: a value of any scalar type.

        Returns:
            The class in the source's type, or the number itself for regression; None when the
            label is neither a class nor the text of one.
        """
        if self.classes is None:
            return label if is_number(label) else None
        return self.by_text.get(_text(label), self.by_text.get(str(label)))

    @property
    def expectation(self) -> str:
        """What a label must be, as text for a refusal."""
        whose = f"of {self.model!r} version {self.number}"
        if self.classes is None:
            return f"a finite number, the target {whose}"
        shown = ", ".join(json.dumps(known) for known in self.classes[:_SHOWN_CLASSES])
        rest = len(self.classes) - _SHOWN_CLASSES
        return f"one of the classes {whose}: {shown}" + (f" and {rest} more" if rest > 0 else "")


Versions = dict[tuple[str, int], Version]


def is_label(value: object) -> TypeGuard[Label]:
    """Whether a value can be a label: a boolean, a number, or text of at most 512 characters."""
    return (
        isinstance(value, bool)
        or is_number(value)
        or (isinstance(value, str) and len(value) <= MAX_NAME)
    )


def read_registration(name: str, number: str, document: object) -> Version:
    """Reads and validates what `PUT /v1/models/NAME/versions/V` registers.

    Args:
        name: NAME of the path.
        number: V of the path.
        document: the body, `{"bundle": …, "reference": …}`.

    Returns:
        The version, ready to be stored.

    Raises:
        RefusedError: 400 with every problem found.
    """
    review = Review(0)
    if not is_dns_label(name):
        review.note("NAME", "a DNS label: a-z, 0-9 and '-', at most 63 characters")
    if not _VERSION.fullmatch(number) or int(number) > MAX_INTEGER:
        review.note("V", "a positive integer")
    body = document if isinstance(document, dict) else {}
    bundle, reference = body.get("bundle"), body.get("reference")
    if not isinstance(bundle, dict) or not isinstance(reference, dict):
        review.note("body", 'an object {"bundle": {…}, "reference": {…}}')
        raise invalid(review.problems, what="registration")
    _review_bundle(bundle, name, review)
    if reference.get("format") != REFERENCE_FORMAT:
        review.note("reference.format", f"{REFERENCE_FORMAT}; a newer one needs a newer monitor")
    if not isinstance(reference.get("features"), dict):
        review.note("reference.features", "an object with one entry a feature")
    if review.problems:
        raise invalid(review.problems, what="registration")
    digest = hashlib.sha256(canonical_json(body).encode()).hexdigest()
    kept = {key: value for key, value in bundle.items() if key != "golden"}
    return restore(name, int(number), digest, canonical_json(kept), canonical_json(reference))


def restore(model: str, number: int, digest: str, bundle: str, reference: str) -> Version:
    """Builds a version from its stored texts, which were validated when it was registered."""
    manifest: dict[str, Any] = json.loads(bundle)
    stored = manifest.get("classes")
    classes = None if stored is None else tuple(stored)
    return Version(
        model=model,
        number=number,
        task=manifest["task"],
        runtime=str(manifest.get("runtime", "")),
        inputs={column["name"]: column["dtype"] for column in manifest["signature"]["inputs"]},
        classes=classes,
        by_text={_text(known): known for known in classes or ()},
        digest=digest,
        bundle=bundle,
        reference=reference,
    )


def same_content(known: Version, offered: Version) -> bool:
    """Whether a registration repeats a known version.

    Args:
        known: the version as stored.
        offered: the same model and number.

    Returns:
        True when the content is the same.

    Raises:
        RefusedError: 409; a version never changes its content.
    """
    if known.digest == offered.digest:
        return True
    message = (
        f"version {known.number} of {known.model!r} is registered with other content: "
        "a version never changes, register the new content as a new version"
    )
    raise RefusedError(message, status=409, reason=CONFLICT)


def _review_bundle(bundle: Mapping[str, Any], name: str, review: Review) -> None:
    if bundle.get("format") != BUNDLE_FORMAT or isinstance(bundle["format"], bool):
        review.note("bundle.format", f"{BUNDLE_FORMAT}; a newer one needs a newer monitor")
    if bundle.get("name") != name:
        review.note("bundle.name", f"{name[:63]!r}, the NAME of the path")
    if bundle.get("runtime") not in ("onnx", "skops"):
        review.note("bundle.runtime", "'onnx' or 'skops'")
    task = bundle.get("task")
    if task not in TASKS:
        review.note("bundle.task", f"one of {', '.join(TASKS)}")
    else:
        _review_classes(bundle.get("classes"), task, review)
    signature = bundle.get("signature")
    inputs = signature.get("inputs") if isinstance(signature, dict) else None
    if not isinstance(inputs, list) or not inputs:
        review.note("bundle.signature.inputs", "a list of at least one input")
        return
    for index, column in enumerate(inputs):
        known = isinstance(column, dict) and column.get("dtype") in DTYPES
        if not known or not is_name(column.get("name")):
            kinds = " or ".join(map(repr, DTYPES))
            expected = f"a name of 1 to 512 printable characters and dtype {kinds}"
            review.note(f"bundle.signature.inputs[{index}]", expected)
    names = [column.get("name") for column in inputs if isinstance(column, dict)]
    if len({str(entry) for entry in names}) != len(inputs):
        review.note("bundle.signature.inputs", "names that differ")


def _review_classes(classes: object, task: str, review: Review) -> None:
    if task == "regression":
        if classes is not None:
            review.note("bundle.classes", "null for a regression")
        return
    if not isinstance(classes, list) or len(classes) < 2 or (task == "binary" and len(classes) > 2):
        size = "two classes" if task == "binary" else "at least two classes"
        review.note("bundle.classes", f"a list of {size}")
        return
    if {type(known) for known in classes} not in ({str}, {int}, {bool}):
        review.note("bundle.classes", "classes of one type: string, integer or boolean")
    elif len({_text(known) for known in classes}) != len(classes):
        review.note("bundle.classes", "classes that differ")


def _text(label: Label) -> str:
    """The text of a label, alike for 1, 1.0 and "1", and for true, "true" and "True"."""
    if isinstance(label, bool):
        return str(label).lower()
    if isinstance(label, float):
        return str(int(label)) if label.is_integer() else repr(label)
    if label in ("True", "False"):
        return str(label).lower()
    return str(label)


def known_versions(connection: Connection, key: tuple[str, int] | None = None) -> Versions:
    """Reads registered versions from the store.

    Args:
        connection: to the store.
        key: model and number of the one to read; None for all.

    Returns:
        The versions that are registered.

    Raises:
        StoreError: the store cannot be read.
    """
    sql = "SELECT model, version, digest, bundle, reference FROM versions"
    if key is not None:
        sql += " WHERE model = ? AND version = ?"
    return {(row[0], row[1]): restore(*row) for row in connection.query(sql, key or ())}
