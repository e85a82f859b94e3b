"""Sources that a run's pods can read: what lies on this machine is refused by name, or uploaded.

An uploaded file is named by its content, so that the same file is uploaded once, another one never
takes its place, and what a spec names stays what it was.
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from components.errors import SpecError
from components.ingest.objects import put_object
from components.ingest.places import find_places
from components.spec import Problem, Spec, SpecProblemsError
from pipelines.address import is_of_this_machine, without_secrets

# The bucket that Kubeflow's own object store has, and pods can read.
DEFAULT_FOLDER: Final = "s3://mlpipeline/kubeloop/sources"
# Bucket and keys; no user, no query, no pattern.
_FOLDER: Final = re.compile(r"s3://[A-Za-z0-9._-]+(/[^\s@?#*\[\]]*)?")
_CHUNK: Final = 1 << 20
_EXPECTED: Final = "an address that a pod can read: s3://, gs://, https:// or sklearn://"

Say = Callable[[str], None]
"""Is told of each file."""


def check_reachable(spec: Spec) -> None:
    """Refuses sources that a pod cannot read.

    Args:
        spec: its relative sources resolved, as `load` leaves them.

    Raises:
        SpecProblemsError: some lie on this machine; each is named.
    """
    problems = [
        Problem(f"source[{index}]", source, _EXPECTED, hint)
        for index, source in enumerate(spec.source)
        if (hint := _why_unreachable(source))
    ]
    if problems:
        raise SpecProblemsError(problems, f"a run of {spec.name!r} on a cluster")


def upload_sources(spec: Spec, folder: str, say: Say) -> Spec:
    """Puts the files of a spec's sources into an object store, and names them there.

    Args:
        spec: its relative sources resolved.
        folder: an s3:// address below which they lie, each as `<sha256>/<name>`.
            Endpoint and credentials come from the environment, as those of sources do.
        say: is told what becomes of each file.

    Returns:
        The spec with addresses in the place of files; other sources stay as they are.

    Raises:
        SpecError: the folder is no such address.
        SpecProblemsError: a source is of this machine and no file.
        DataError: a file cannot be read, or the store does not take it.
    """
    if not _FOLDER.fullmatch(folder):
        msg = (
            f"--upload-to {without_secrets(folder)!r}: expected s3://BUCKET/FOLDER, without a key: "
            "credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
        raise SpecError(msg)
    found: dict[str, None] = {}
    for source in spec.source:
        if "://" in source and not source.startswith("file://"):
            found[source] = None
            continue
        for place in find_places([source]):
            found[_upload(Path(place), folder.rstrip("/"), say)] = None
    uploaded = spec.model_copy(update={"source": list(found)})
    check_reachable(uploaded)
    return uploaded


def _upload(path: Path, folder: str, say: Say) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    # The name tells how it is read; a store's own characters for patterns are none in it.
    address = f"{folder}/{digest.hexdigest()}/{_plain(path.name)}"
    new = put_object(path, address)
    say(f"{'uploaded' if new else 'is there'}  {path.name}  {address}")
    return address


def _plain(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)


def _why_unreachable(source: str) -> str:
    """Says why a pod cannot read a source, and what to do; empty where it can."""
    if "://" not in source or source.startswith("file://"):
        return "it lies on this machine; --upload puts it into the object store"
    if not source.startswith(("http://", "https://")):
        return ""
    return "it is a server of this machine" if is_of_this_machine(source) else ""
