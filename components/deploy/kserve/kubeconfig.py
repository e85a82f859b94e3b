"""The user's configuration of the Kubernetes client: read, or a sentence about why it cannot be.

The client takes the file's parts as they come, so that one of another shape fails in it by any of
Python's errors; and it only logs that the command which fetches credentials has failed.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.deploy.kserve.reasons import clean
from components.errors import DeployError

_DEFAULT = "~/.kube/config"
_MEND = "let KUBECONFIG name a file with a current context"


class KubeconfigError(DeployError):
    """The configuration names no cluster that can be asked.

    Attributes:
        mend: what to do about it.
        absent: whether there is no configuration at all.
    """

    def __init__(self, said: str, mend: str = _MEND, *, absent: bool = False) -> None:
        """Takes what is wrong, and what to do about it."""
        super().__init__(said)
        self.mend = mend
        self.absent = absent


def load_kubeconfig(config: Any, settings: Any, context: str = "") -> str:
    """Reads which cluster is meant, and the credentials for it.

    Args:
        config: the module `kubernetes.config`, which few modules may import.
        settings: a `kubernetes.client.Configuration`, which is filled.
        context: of the file; empty for its current one.

    Returns:
        The context's name.

    Raises:
        KubeconfigError: there is no file, it is none of Kubernetes', it has no such context, or the
            command that fetches credentials failed.
    """
    from yaml import YAMLError

    # The client reads the variable when it is imported, and it may have changed since.
    file = os.environ.get("KUBECONFIG") or _DEFAULT
    if not any(Path(part).expanduser().exists() for part in file.split(os.pathsep) if part):
        msg = f"there is no file {file!r}"
        raise KubeconfigError(msg, absent=True)
    # What fails is told by an exception, so the lines that urllib3 logs besides tell nothing more.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    try:
        with _overheard() as complaints:
            known, current = config.list_kube_config_contexts(file)
            names = [one["name"] for one in known]
            name = str(context or current["name"])
            if name in names:
                config.load_kube_config(file, context=name, client_configuration=settings)
    except (config.ConfigException, OSError) as exc:
        msg = f"the configuration {file!r} cannot be used: {_first_line(exc)}"
        raise KubeconfigError(msg) from exc
    except (YAMLError, ValueError, TypeError, KeyError, AttributeError) as exc:
        # Not what they say: it may quote the file, which holds credentials.
        msg = f"the file {file!r} is no configuration of Kubernetes{_place(exc)}"
        raise KubeconfigError(msg) from exc
    if name not in names:
        msg = f"there is no context {name!r} in {file!r}: its contexts are {', '.join(names)}"
        raise KubeconfigError(msg, "kubectl config get-contexts lists them")
    if complaints:
        msg = f"no credentials for the context {name!r}: {clean(complaints[0])}"
        mend = "install, or log in with, the command that the exec of its user names in the file"
        raise KubeconfigError(msg, f"{mend} {file!r}")
    return name


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """Keeps what is logged at the root meanwhile, where the client logs, from the screen."""
    said: list[str] = []
    root, silent = logging.getLogger(), logging.NullHandler()

    def keep(record: logging.LogRecord) -> bool:
        said.append(next(iter(record.getMessage().splitlines()), ""))
        return False

    # Without any handler, logging.error would install one that prints, for good.
    root.addHandler(silent)
    root.addFilter(keep)
    try:
        yield said
    finally:
        root.removeFilter(keep)
        root.removeHandler(silent)


def _place(exc: Exception) -> str:
    mark = getattr(exc, "problem_mark", None)
    return f": it is no valid YAML in line {mark.line + 1}" if mark else ""


def _first_line(exc: Exception) -> str:
    return next(iter(str(exc).splitlines()), type(exc).__name__)
