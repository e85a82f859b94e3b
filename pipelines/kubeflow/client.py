"""Kubeflow Pipelines as the commands see it: kfp's client at one address, for one namespace.

kfp's own constructor asks a server that is not well five times with five seconds between, prints
tracebacks, and writes a namespace into the user's home; none of that is wanted here.
"""

import json
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import kfp
from kfp.client.token_credentials_base import TokenCredentialsBase

from pipelines.kubeflow.errors import KubeflowError, UnavailableError, not_json, sentences
from pipelines.kubeflow.place import Place

PAGES: Final = "KF_PIPELINES_UI_ENDPOINT"
# Seconds for a connection, and between two pieces of an answer.
_PATIENCE: Final = (10, 60)
_PAGE: Final = 100
# What a header may hold; a token has no blank in it (RFC 6750).
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


class Kubeflow:
    """A connection to Kubeflow Pipelines."""

    def __init__(self, place: Place) -> None:
        """Asks the server what it is.

        Args:
            place: where.

        Raises:
            KubeflowError: it does not answer, or is something else, or needs a namespace.
        """
        self.host = place.host
        self.namespace = place.namespace
        # As kfp's client has it; where the address is the API's alone, links lead elsewhere.
        self._pages = os.environ.get(PAGES, place.host).rstrip("/")
        credentials = _TokenFile(place.token_file) if place.token_file else None
        with warnings.catch_warnings(), self._sentences("reach Kubeflow Pipelines"):
            # That it is not for Kubeflow Pipelines 1.
            warnings.simplefilter("ignore", FutureWarning)
            self._client = _Client(
                host=place.host,
                namespace=place.namespace,
                credentials=credentials,
                ssl_ca_cert=os.environ.get("SSL_CERT_FILE"),
            )
            self.has_many_users: bool = self._client.ask_health()
        if self.has_many_users and not place.namespace:
            msg = (
                f"{place.host} is a Kubeflow with many users: --namespace NAME is needed, that of "
                "your profile"
            )
            raise KubeflowError(msg)
        if not self.has_many_users:
            # It knows none, and refuses a run that names one.
            self.namespace = ""

    @property
    def models(self) -> Any:
        """The API's own types, such as `V2beta1Run`."""
        return self._client.api_models

    @property
    def scope(self) -> dict[str, str]:
        """What names the namespace in a request, where there is one."""
        return {"namespace": self.namespace} if self.namespace else {}

    def link(self, run: str) -> str:
        """The address at which a person sees a run."""
        return f"{self._pages}/#/runs/details/{run}"

    def schedule_link(self, schedule: str) -> str:
        """The address at which a person sees a schedule."""
        return f"{self._pages}/#/recurringrun/details/{schedule}"

    def call(self, what: str, method: str, **arguments: Any) -> Any:
        """Calls a method of the API.

        Args:
            what: is being done, for the error's sentence.
            method: service and method of kfp's client, such as `runs.run_service_get_run`.
            **arguments: the method's.

        Returns:
            What it answered, of kfp's own types.

        Raises:
            KubeflowError: it could not be done; one sentence.
        """
        service, _, name = method.partition(".")
        function: Callable[..., Any] = getattr(getattr(self._client, service), name)
        with self._sentences(what):
            answer = function(**arguments, _request_timeout=_PATIENCE)
            if not self._client.answered_json():
                raise not_json(self.host, what)
            return answer

    def pages(self, what: str, method: str, field: str, **arguments: Any) -> Iterator[Any]:
        """Lists, page by page.

        Args:
            what: is being done.
            method: as for `call`.
            field: of the answer that holds the entries.
            **arguments: the method's.

        Yields:
            Each entry.

        Raises:
            KubeflowError: as `call`.
        """
        token = ""
        while True:
            page = self.call(what, method, page_size=_PAGE, page_token=token, **arguments)
            yield from getattr(page, field) or ()
            token = page.next_page_token
            if not token:
                return

    @contextmanager
    def stream(self, what: str, path: str, query: Mapping[str, str]) -> Iterator[Any]:
        """Opens an answer that is read piece by piece, with the client's own credentials.

        Args:
            what: is being done.
            path: below the address.
            query: what follows it.

        Yields:
            The answer, a file to read.

        Raises:
            KubeflowError: as `call`.
        """
        with self._sentences(what):
            answer = self._client.open(path, list(query.items()))
            try:
                yield answer
            finally:
                answer.close()

    def _sentences(self, what: str) -> Any:
        return sentences(self.host, self.namespace, what)


def named(name: str, key: str = "display_name") -> str:
    """Writes the filter of what has a name (backend/api/v2beta1/filter.proto)."""
    predicate = {"operation": "EQUALS", "key": key, "string_value": name}
    return json.dumps({"predicates": [predicate]})


class _Client(kfp.Client):  # type: ignore[misc]
    """kfp's client, without its patience with a server that is not well."""

    def get_kfp_healthz(self, sleep_duration: int = 0) -> Any:  # noqa: ARG002
        """Knows no namespace by itself, so that the constructor asks nobody and writes nothing."""
        return SimpleNamespace(multi_user=None)

    def ask_health(self) -> bool:
        """Asks once whether there are many users."""
        health = self._healthz_api.healthz_service_get_healthz(_request_timeout=_PATIENCE)
        host = self._existing_config.host
        if not self.answered_json():
            raise not_json(host, "reach Kubeflow Pipelines")
        # The user interface answers well, whatever is behind it.
        if (
            json.loads(self._healthz_api.api_client.last_response.data).get("apiServerReady")
            is False
        ):
            msg = f"cannot reach Kubeflow Pipelines: its API server is not ready, says {host}"
            raise UnavailableError(msg)
        return bool(health.multi_user)

    def answered_json(self) -> bool:
        """Whether the last answer was JSON; kfp reads a page as an object without values."""
        return str(self._healthz_api.api_client.last_response.data).lstrip().startswith("{")

    def open(self, path: str, query: list[tuple[str, str]]) -> Any:
        """Opens any address of the server."""
        return self._run_api.api_client.call_api(
            path,
            "GET",
            query_params=query,
            auth_settings=["Bearer"],
            _preload_content=False,
            _request_timeout=_PATIENCE,
        )


class _TokenFile(TokenCredentialsBase):  # type: ignore[misc]
    """A token that is read for each request."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def refresh_api_key_hook(self, config: Any) -> None:
        """Puts the token into the configuration that the next request is made with."""
        try:
            token = self._path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as exc:
            reason = getattr(exc, "strerror", None) or "it is no text"
            msg = f"the token file {str(self._path)!r} cannot be read: {reason}"
            raise KubeflowError(msg) from exc
        if not token:
            msg = f"the token file {str(self._path)!r} is empty: write the token into it"
            raise KubeflowError(msg)
        if not _TOKEN.fullmatch(token):
            # The client's own error would show it.
            msg = (
                f"the token file {str(self._path)!r} holds more than one token, or blanks or "
                "letters that no token has: expected the token alone, in one line"
            )
            raise KubeflowError(msg)
        config.api_key["authorization"] = token
