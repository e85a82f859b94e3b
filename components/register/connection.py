"""How a registry is reached: its address, its first use, how long it may take, and its errors."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from components.address import without_secrets, without_secrets_of
from components.errors import RegistryError, root_cause


@dataclass(frozen=True)
class Patience:
    """How long an MLflow server is asked for one answer; the defaults are a run's.

    MLflow's own (7 retries, 120 s each) would leave a run hanging for minutes. Where the
    environment sets MLflow's variables, it has that patience instead.

    Attributes:
        retries: how often it is asked again at most.
        answer_s: whole seconds to connect, and again for each piece of the answer.
    """

    retries: int = 2
    answer_s: int = 20


RUN = Patience()
# Who looks at a terminal has the sentence soon, and asks again themselves.
PERSON = Patience(retries=0, answer_s=5)


def open_client(address: str, patience: Patience = RUN) -> Any:
    """Opens MLflow's client; a file's tables are made or migrated at its first use.

    Args:
        address: as `Registry` takes it.
        patience: with a server, at this and all further questions.

    Returns:
        An `mlflow.MlflowClient`, or what is used as one.
    """
    # Not under the lock.
    make = import_client()
    with first_use(address):
        client = _Client(make(tracking_uri=address, registry_uri=address), patience)
        # The tables are made by whoever asks first; two at once would make them twice.
        client.search_registered_models(max_results=1)
    return client


def import_client() -> Callable[..., Any]:
    """Imports MLflow, which takes seconds; whoever measures how long a server takes does it before.

    Returns:
        `mlflow.MlflowClient`.
    """
    # MLflow reports usage to its makers unless told not to, and reads this at import.
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ.setdefault("DO_NOT_TRACK", "true")
    from mlflow import MlflowClient

    # It logs a traceback of what it raises as well, and each table that it makes.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    made: Callable[..., Any] = MlflowClient
    return made


class _Client:
    """MLflow's client with a patience of its own, which it takes from the environment alone."""

    def __init__(self, client: Any, patience: Patience) -> None:
        self._client, self._patience = client, patience

    def __getattr__(self, name: str) -> Callable[..., Any]:
        ask: Callable[..., Any] = getattr(self._client, name)

        @wraps(ask)
        def patiently(*arguments: Any, **options: Any) -> Any:
            with _in_environment(self._patience):
                return ask(*arguments, **options)

        return patiently


@contextmanager
def _in_environment(patience: Patience) -> Iterator[None]:
    """Sets the variables that MLflow reads for each request (mlflow/utils/rest_utils.py)."""
    wanted = {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(patience.retries),
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(patience.answer_s),
    }
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def is_file(address: str) -> bool:
    """Whether the registry is a SQLite file of this machine."""
    return address.startswith("sqlite:///")


def database_file(address: str) -> Path:
    """The file as MLflow opens it: percent escapes decoded, everything else as it stands."""
    return Path(unquote(address.removeprefix("sqlite:///").partition("?")[0]))


@contextmanager
def first_use(address: str) -> Iterator[None]:
    """Lets one process at a time make or migrate the tables of a file."""
    if not is_file(address):
        yield
        return
    import fcntl

    path = database_file(address)
    if path.exists() and not os.access(path.parent, os.W_OK):
        # Whoever may only read makes no tables, and could make no lock.
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def errors(address: str) -> Iterator[None]:
    """Turns MLflow's and the database's errors into one sentence that names the registry."""
    try:
        yield
    except RegistryError:
        raise
    except Exception as exc:
        # MLflow lets errors of SQLAlchemy, requests and its own through, with no common base.
        name, said = address, _said(exc)
        # The name of a file may hold an @, and holds no password.
        if not is_file(address):
            name, said = without_secrets(address), without_secrets_of(address, said)
        msg = f"the registry {name!r} failed: {said.splitlines()[0]}"
        raise RegistryError(msg) from exc


def _said(exc: BaseException) -> str:
    """What went wrong: of a failed connection the system's own word for it."""
    cause = root_cause(exc)
    return str(cause if isinstance(cause, OSError) else exc) or type(exc).__name__
