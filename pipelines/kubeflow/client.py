"""Kubeflow Pipelines as the commands see it: kfp's client at one address, for one namespace."""

import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from pipelines.kubeflow.connection import Connection, TokenFile
from pipelines.kubeflow.errors import KubeflowError, UnavailableError, sentences
from pipelines.kubeflow.patience import PATIENCE, Patience, Waiting
from pipelines.kubeflow.place import Place

_PAGE: Final = 100
_Made = TypeVar("_Made")


class Kubeflow:
    """A connection to Kubeflow Pipelines."""

    def __init__(self, place: Place, patience: Patience = PATIENCE) -> None:
        """Asks the server what it is.

        Args:
            place: where.
            patience: how long to wait for it.

        Raises:
            KubeflowError: it does not answer, or is something else, or needs a namespace.
        """
        self.host = place.host
        self.namespace = place.namespace
        self._patience = patience
        self._waiting = Waiting(place.host, patience.told_s)
        # Where the address is the API's alone, links lead elsewhere.
        self._pages = place.pages or place.host
        credentials = TokenFile(place.token_file) if place.token_file else None
        with warnings.catch_warnings(), self._sentences("reach Kubeflow Pipelines"):
            # That it is not for Kubeflow Pipelines 1.
            warnings.simplefilter("ignore", FutureWarning)
            self._client = Connection(
                host=place.host,
                namespace=place.namespace,
                credentials=credentials,
                ssl_ca_cert=os.environ.get("SSL_CERT_FILE"),
            )
            self.has_many_users: bool = self._client.ask_health(patience.first)
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
            patience = self._patience.usual
            return self._client.ask(what, function, **arguments, _request_timeout=patience)

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

    def identity(self, what: str, value: Any) -> str:
        """Returns KFP's id of something.

        Raises:
            KubeflowError: it was answered without one.
        """
        if not value:
            msg = f"cannot {what}: {self.host} names none; is it Kubeflow Pipelines 2?"
            raise KubeflowError(msg)
        return str(value)

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
            answer = self._client.open(what, path, list(query.items()), self._patience.usual)
            try:
                yield answer
            finally:
                answer.close()

    def find_made(self, lost: KubeflowError, find: Callable[[], _Made | None]) -> _Made:
        """Looks for what was made, perhaps, though the answer says or shows nothing of it.

        Args:
            lost: why it is not known.
            find: looks for it; None where it is not there.

        Returns:
            What it finds.

        Raises:
            KubeflowError: `lost`, where it is not there; or it cannot be looked for either.
        """
        try:
            found = find()
        except KubeflowError as exc:
            msg = f"{lost}; whether it was made is not known, for it cannot be looked for either"
            raise UnavailableError(msg) from exc
        if found is None:
            raise lost
        return found

    @contextmanager
    def _sentences(self, what: str) -> Iterator[None]:
        with sentences(self.host, self.namespace, what), self._waiting.over(what):
            yield


def named(name: str, key: str = "display_name") -> str:
    """Writes the filter of what has a name (backend/api/v2beta1/filter.proto)."""
    predicate = {"operation": "EQUALS", "key": key, "string_value": name}
    return json.dumps({"predicates": [predicate]})
