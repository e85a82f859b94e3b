"""How a registry is reached: its address, its first use, and what its errors say."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from components.errors import RegistryError


def open_client(address: str) -> Any:
    """Opens MLflow's client; a file's tables are made or migrated at its first use.

    Args:
        address: as `Registry` takes it.

    Returns:
        An `mlflow.MlflowClient`.
    """
    # MLflow reports usage to its makers unless told not to, and reads this at import.
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ.setdefault("DO_NOT_TRACK", "true")
    # Its own patience (7 retries, 120 s each) leaves a run hanging for minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    # Seconds of import, so not under the lock.
    from mlflow import MlflowClient

    with first_use(address):
        client = MlflowClient(tracking_uri=address, registry_uri=address)
        # The tables are made by whoever asks first; two at once would make them twice.
        client.search_registered_models(max_results=1)
    return client


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
        name = _without_password(address)
        msg = f"the registry {name!r} failed: {_reason(exc).replace(address, name)}"
        raise RegistryError(msg) from exc


def _reason(exc: BaseException) -> str:
    """What went wrong, in one line: of a failed connection the system's own word for it."""
    deepest = exc
    while deepest.__context__:
        deepest = deepest.__context__
    said = str(deepest if isinstance(deepest, OSError) else exc)
    return said.splitlines()[0] if said else type(exc).__name__


def _without_password(address: str) -> str:
    parts = urlsplit(address)
    if parts.password is None:
        return address
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}:***@{host}").geturl()
