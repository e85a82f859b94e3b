"""The state folder: everything that the embedded engine keeps, and the locks around it.

state.json              the folder's format
runs/<run-id>/          one folder a run: spec, log, artifacts, result.json
runs/latest             a link to the newest run; runs/latest-NAME to a model's newest
retraining/<id>/        one folder a run that the monitor started: spec, log, result
serving/NAME.json       what is served, written by the model server alone
services.json           the model server and the monitor that run now
registry.db monitor.db  the registry's and the monitor's stores
locks/ logs/            one lock a model, one log a service
privacy.key             the key of hashed columns; only its owner reads it
alert.token             where it is there, what Alertmanager shows the monitor to start runs
"""

import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from components.errors import StateError

FORMAT = 1
_KEY_BYTES = 32
_FORMAT_FILE = "state.json"


@dataclass(frozen=True)
class State:
    """A state folder at an absolute path; `open_state` makes one."""

    root: Path

    @property
    def runs(self) -> Path:
        """One folder a run."""
        return self.root / "runs"

    @property
    def registry(self) -> str:
        """The registry's address."""
        return f"sqlite:///{quote(str(self.root / 'registry.db'))}"

    @property
    def monitor_store(self) -> Path:
        """The monitor's database."""
        return self.root / "monitor.db"

    @property
    def logs(self) -> Path:
        """The services' logs."""
        return self.root / "logs"

    @property
    def alert_token(self) -> Path:
        """The token of Alertmanager; where it is there, alerts start retraining runs."""
        return self.root / "alert.token"

    @property
    def privacy_key(self) -> Path:
        """The key of hashed columns."""
        return self.root / "privacy.key"

    def serving(self, name: str) -> dict[str, Any] | None:
        """Reads what is served of a model: path and version of its bundle; None for nothing.

        Raises:
            StateError: the file is damaged.
        """
        path = self.root / "serving" / f"{name}.json"
        try:
            return check_served(read_json(path), path)
        except FileNotFoundError:
            return None

    def new_run(self, name: str) -> Path:
        """Makes a run's folder and links it as the latest.

        Returns:
            A folder whose name starts with the time, so that names sort by it.
        """
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        run = self.runs / f"{stamp}-{name}-{secrets.token_hex(2)}"
        run.mkdir(parents=True)
        for link in ("latest", f"latest-{name}"):
            _relink(self.runs / link, run.name)
        return run

    @contextmanager
    def model_lock(self, name: str, waiting: Callable[[str], None]) -> Iterator[IO[str]]:
        """Holds a model's lock: two runs of one model would race for its champion.

        Args:
            name: the model.
            waiting: told once who holds the lock, where somebody does.

        Yields:
            The lock's file. Whatever is written there and not taken out again is what a run that
            died left for the next one.
        """
        path = self.root / "locks" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        with path.open("a+", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting(path.read_text(encoding="utf-8"))
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield lock


def open_state(root: Path) -> State:
    """Opens a state folder, or makes one.

    Args:
        root: the folder.

    Returns:
        The state.

    Raises:
        StateError: it is of a newer format, is no folder, or cannot be written.
    """
    state = State(root.resolve())
    try:
        for folder in (state.root, state.runs, state.root / "serving", state.logs):
            folder.mkdir(parents=True, exist_ok=True)
        # Folders that are there already are no proof: the disk may be full or read-only.
        with tempfile.TemporaryFile(dir=state.root) as probe:
            probe.write(b"\0")
        if not (state.root / _FORMAT_FILE).exists():
            write_json(state.root / _FORMAT_FILE, {"format": FORMAT})
        _check_format(state.root)
        _ensure_key(state.privacy_key)
    except OSError as exc:
        msg = (
            f"the state folder {str(state.root)!r} cannot be used: {exc.strerror}; name a folder "
            "that can be written with --state"
        )
        raise StateError(msg) from exc
    return state


def read_state(root: Path) -> State:
    """Opens a state folder that is there, and writes nothing into it.

    Args:
        root: the folder.

    Returns:
        The state.

    Raises:
        StateError: there is none, it is of a newer format, or it cannot be read.
    """
    try:
        if not (root / _FORMAT_FILE).exists():
            msg = f"no state folder at {str(root)!r}: kubeloop run SPEC makes one"
            raise StateError(msg)
        _check_format(root.resolve())
    except OSError as exc:
        msg = f"the state folder {str(root)!r} cannot be read: {exc.strerror}"
        raise StateError(msg) from exc
    return State(root.resolve())


def read_json(path: Path) -> Any:
    """Reads a JSON file of the state folder.

    Raises:
        StateError: it is damaged; names the file.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise damaged(path, str(exc)) from exc


def damaged(path: Path, reason: str) -> StateError:
    """Says that a file of the state folder is damaged, and what to do about it."""
    return StateError(f"{str(path)!r} is damaged: {reason}. Remove it if nothing else mends it")


def check_served(document: object, path: Path) -> dict[str, Any]:
    """Checks what was read of a served version: where its bundle lies, and its number.

    Raises:
        StateError: it is something else; names the file.
    """
    if (
        not isinstance(document, dict)
        or not isinstance(document.get("path"), str)
        or not isinstance(document.get("version"), int)
    ):
        raise damaged(path, "expected a served version's path and number")
    return document


def write_json(path: Path, document: object) -> None:
    """Writes a JSON file at once: a process that dies leaves the old one or the new one whole."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with partial.open("w", encoding="utf-8") as stream:
        json.dump(document, stream, indent=1, ensure_ascii=False)
        stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(partial, path)


def _check_format(root: Path) -> None:
    path = root / _FORMAT_FILE
    document = read_json(path)
    stated = document.get("format") if isinstance(document, dict) else None
    if not isinstance(stated, int):
        msg = f"{str(path)!r} states no format: this is no state folder of Kubeloop's"
        raise StateError(msg)
    if stated > FORMAT:
        msg = (
            f"the state folder {str(root)!r} has format {stated}, this version knows up to "
            f"{FORMAT}: use a newer Kubeloop, or another folder with --state"
        )
        raise StateError(msg)


def _ensure_key(path: Path) -> None:
    """Makes the privacy key once; whoever comes second finds the first one's."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(secrets.token_bytes(_KEY_BYTES))


def _relink(link: Path, target: str) -> None:
    partial = link.with_name(f".{link.name}.{os.getpid()}.{secrets.token_hex(2)}")
    partial.symlink_to(target)
    os.replace(partial, link)
