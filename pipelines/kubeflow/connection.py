"""kfp's client as it is used here: it asks once, follows no redirect, and takes JSON alone.

Its own constructor asks a server that is not well five times with five seconds between, prints
tracebacks, and writes a namespace into the user's home; none of that is wanted here.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import kfp
from kfp.client.token_credentials_base import TokenCredentialsBase

from pipelines.kubeflow.errors import TokenError, UnavailableError, answers, not_kubeflow

# What a header may hold; a token has no blank in it (RFC 6750).
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


class Connection(kfp.Client):  # type: ignore[misc]
    """kfp's client, without its patience with a server that is not well."""

    def get_kfp_healthz(self, sleep_duration: int = 0) -> Any:  # noqa: ARG002
        """Knows no namespace by itself, so that the constructor asks nobody and writes nothing."""
        return SimpleNamespace(multi_user=None)

    def _load_config(self, *arguments: Any, **named: Any) -> Any:
        config = super()._load_config(*arguments, **named)
        # What may be asked again is decided here; and where a redirect leads, most often to a
        # login, neither a run nor a token is to go.
        config.retries = False
        return config

    def ask_health(self, patience: tuple[float, float]) -> bool:
        """Asks once whether there are many users."""
        api, what = self._healthz_api, "reach Kubeflow Pipelines"
        # A connection that is kept is at times closed just when it is used again.
        api.api_client.set_default_header("Connection", "close")
        health = self.ask(what, api.healthz_service_get_healthz, _request_timeout=patience)
        # The user interface answers well, whatever is behind it.
        if self._read_last().get("apiServerReady") is False:
            host = self._existing_config.host
            msg = f"cannot {what}: its API server is not ready, says {host}"
            raise UnavailableError(msg)
        return bool(health.multi_user)

    def ask(self, what: str, function: Callable[..., Any], **arguments: Any) -> Any:
        """Calls, and takes nothing but an object of JSON of the shape that is expected.

        Raises:
            KubeflowError: it came from something else, which kfp reads as an object without values.
            UnavailableError: it ended in the middle.
        """
        host = self._existing_config.host
        with answers(host, what):
            answer = function(**arguments)
        try:
            found = self._read_last()
        except ValueError as exc:
            if self._last().startswith("{"):
                msg = f"cannot {what}: {host} ended its answer in the middle"
                raise UnavailableError(msg) from exc
            raise not_kubeflow(host, what) from exc
        if not isinstance(found, dict):
            raise not_kubeflow(host, what)
        return answer

    def open(
        self, what: str, path: str, query: list[tuple[str, str]], patience: tuple[float, float]
    ) -> Any:
        """Opens any address of the server."""
        with answers(self._existing_config.host, what):
            return self._run_api.api_client.call_api(
                path,
                "GET",
                query_params=query,
                auth_settings=["Bearer"],
                _preload_content=False,
                _request_timeout=patience,
            )

    def _read_last(self) -> Any:
        return json.loads(self._last())

    def _last(self) -> str:
        return str(self._healthz_api.api_client.last_response.data).lstrip()


class TokenFile(TokenCredentialsBase):  # type: ignore[misc]
    """A token that is read for each request."""

    def __init__(self, path: Path) -> None:
        """Takes the file; nothing is read yet."""
        self._path = path

    def refresh_api_key_hook(self, config: Any) -> None:
        """Puts the token into the configuration that the next request is made with.

        Raises:
            TokenError: the file holds none; it may be just being written.
        """
        try:
            token = self._path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as exc:
            reason = getattr(exc, "strerror", None) or "it is no text"
            msg = f"the token file {str(self._path)!r} cannot be read: {reason}"
            raise TokenError(msg) from exc
        if not token:
            msg = f"the token file {str(self._path)!r} is empty: write the token into it"
            raise TokenError(msg)
        if not _TOKEN.fullmatch(token):
            # The client's own error would show it.
            msg = (
                f"the token file {str(self._path)!r} holds more than one token, or blanks or "
                "letters that no token has: expected the token alone, in one line"
            )
            raise TokenError(msg)
        config.api_key["authorization"] = token
