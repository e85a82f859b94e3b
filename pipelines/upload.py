"""Sources that a run's pods can read: what lies on this machine is refused by name, or uploaded.

An uploaded file is named by its content, so that the same file is uploaded once, another one never
takes its place, and what a spec names stays what it was.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from components.address import is_of_this_machine, without_secrets
from components.errors import DataError, SpecError
from components.ingest.objects import put_object, read_digest
from components.ingest.places import find_places
from components.spec import Problem, Spec, SpecProblemsError

# The bucket that Kubeflow's own object store has, and pods can read.
DEFAULT_FOLDER: Final = "s3://mlpipeline/kubeloop/sources"
# Bucket and keys; no user, no query, no pattern.
_FOLDER: Final = re.compile(r"(s3|gs)://[A-Za-z0-9._-]+(/[^\s@?#*\[\]]*)?")
_EXPECTED: Final = "an address that a pod can read: s3://, gs://, https:// or sklearn://"
# What is read and sent in a few seconds is told when it is done.
_LARGE: Final = 10_000_000
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")
_STEPS: Final = 10

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


def check_uploadable(spec: Spec, folder: str) -> None:
    """Refuses what no upload mends, before anybody is asked.

    Args:
        spec: its relative sources resolved.
        folder: an s3:// or gs:// address below which its files are to lie.

    Raises:
        SpecError: the folder is no such address.
        SpecProblemsError: a source is a server of this machine; each is named.
        DataError: a file is not there.
    """
    if not _FOLDER.fullmatch(folder):
        msg = (
            f"--upload-to {without_secrets(folder)!r}: expected s3://BUCKET/FOLDER or "
            "gs://BUCKET/FOLDER, without a key: credentials come from AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or from GOOGLE_APPLICATION_CREDENTIALS"
        )
        raise SpecError(msg)
    problems = [
        Problem(f"source[{index}]", source, _EXPECTED, hint)
        for index, source in enumerate(spec.source)
        if not _is_file(source) and (hint := _why_unreachable(source))
    ]
    if problems:
        raise SpecProblemsError(problems, f"a run of {spec.name!r} on a cluster")
    for source in filter(_is_file, spec.source):
        find_places([source])


def upload_sources(spec: Spec, folder: str, say: Say) -> Spec:
    """Puts the files of a spec's sources into an object store, and names them there.

    Args:
        spec: its relative sources resolved.
        folder: an s3:// or gs:// address below which they lie, each as `<sha256>/<name>`.
            Endpoint and credentials come from the environment, as those of sources do.
        say: is told what becomes of each file, and of a large one how far it is.

    Returns:
        The spec with addresses in the place of files; other sources stay as they are.

    Raises:
        SpecError: as `check_uploadable`.
        DataError: a file cannot be read, or changes meanwhile, or the store does not take it.
    """
    check_uploadable(spec, folder)
    found: dict[str, None] = {}
    for source in spec.source:
        if not _is_file(source):
            found[source] = None
            continue
        for place in find_places([source]):
            found[_upload(Path(place), folder.rstrip("/"), say)] = None
    return spec.model_copy(update={"source": list(found)})


def _is_file(source: str) -> bool:
    return "://" not in source or source.startswith("file://")


def _upload(path: Path, folder: str, say: Say) -> str:
    try:
        size = path.stat().st_size
    except OSError as exc:
        msg = f"{str(path)!r} cannot be read: {exc.strerror or exc}"
        raise DataError(msg) from exc
    if size >= _LARGE:
        say(f"reading   {path.name}, {_shown_size(size)}")
    digest = read_digest(path)
    # The name tells how it is read; a store's own characters for patterns are none in it.
    address = f"{folder}/{digest}/{_plain(path.name)}"
    progress = Progress(path.name, size, say)
    new = put_object(path, address, digest, sent=progress.sent)
    say(f"{'uploaded' if new else 'is there'}  {path.name}  {address}")
    return address


class Progress:
    """Says of a large file how far it is, each tenth once."""

    def __init__(self, name: str, size: int, say: Say) -> None:
        """Takes the file's name, its size in bytes, and who is told."""
        self._name, self._say, self._size = name, say, size
        self._told = -1

    def sent(self, share: float) -> None:
        """Takes the share that was sent, from 0 to 1."""
        step = int(min(share, 1.0) * _STEPS)
        if self._size >= _LARGE and self._told < step < _STEPS:
            self._told = step
            self._say(
                f"uploading {self._name}, {step * 100 // _STEPS} % of {_shown_size(self._size)}"
            )


def _shown_size(size: float) -> str:
    """A size in the largest unit of which there is one."""
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit else f"{size} B"


def _plain(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)


def _why_unreachable(source: str) -> str:
    """Says why a pod cannot read a source, and what to do; empty where it can."""
    if "://" not in source or source.startswith("file://"):
        return "it lies on this machine; --upload puts it into the object store"
    if not source.startswith(("http://", "https://")):
        return ""
    return "it is a server of this machine" if is_of_this_machine(source) else ""
