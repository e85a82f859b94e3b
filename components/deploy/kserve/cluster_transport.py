"""How a call reaches the API server: through the Kubernetes client, again where that may help.

Of the Kubernetes client it takes what is hard: TLS and credentials. kserve's own client is not
used: it cannot apply server-side, it turns every status into one RuntimeError, and its import costs
4 s and 213 MB in a pod that makes some forty small requests.
"""

import logging
import random
import time
from collections.abc import Callable
from typing import Any

from components.address import without_secrets
from components.deploy.kserve.cluster_errors import no_answer, refusal, retry_after
from components.deploy.kserve.cluster_resources import Call
from components.deploy.kserve.pace import Patience
from components.errors import DeployError, root_cause

logger = logging.getLogger(__name__)

Document = dict[str, Any]

_JSON = "application/json"
# What may be asked again: the server was overloaded or on its way up or down. All verbs used here
# are safe to repeat while nobody else writes: what a repeated one finds changed already is what it
# wanted. Whether that still holds says who calls.
_AGAIN = (429, 500, 502, 503, 504)
# Of what somebody behind the API server answers, or fails to: that it is overloaded says the server
# itself. How long else to be patient knows who asks; each try may take a dial's 30 s.
_AGAIN_RELAYED = (429,)


class Transport:
    """A way to an API server.

    Args:
        client: a `kubernetes.client.ApiClient`.
        patience: how often it is asked for one answer, and how long is waited.
        sleep: waits for so many seconds.
    """

    def __init__(
        self, client: Any, patience: Patience, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Keeps the client; nothing is asked yet."""
        self._client, self._patience, self._sleep = client, patience, sleep

    def ask(
        self,
        call: Call,
        method: str,
        path: str,
        *,
        body: Document | None = None,
        query: dict[str, Any] | None = None,
        content: str = _JSON,
        tolerated: tuple[int, ...] = (),
        relayed: bool = False,
        again: Callable[[], None] = lambda: None,
    ) -> tuple[int, str]:
        """Calls, again where that may help.

        Args:
            call: what is asked, for sentences.
            method: of HTTP.
            path: of the URL.
            body: sent as JSON.
            query: of the URL.
            content: type of the body.
            tolerated: statuses of 400 and more that are no error.
            relayed: whether the server passes the call on, and the answer back.
            again: called before each repetition; raises where it must not be made any more.

        Returns:
            Status and text.

        Raises:
            ApiError: another status of 400 or more, or no answer.
            DeployError: the configured token or address is none that a request may carry.
        """
        from urllib3.exceptions import HTTPError

        passing = _AGAIN_RELAYED if relayed else _AGAIN
        for tried in range(1, self._patience.tries + 1):
            last, asked_to_wait = tried == self._patience.tries, 0.0
            try:
                status, text, header = self._once(method, path, body, query, content)
            except (HTTPError, OSError) as exc:
                if last:
                    host = without_secrets(self._client.configuration.host)
                    raise no_answer(call, host, root_cause(exc)) from exc
            except ValueError:
                # The client's own error shows the token.
                msg = (
                    f"cannot {call}: the Kubernetes configuration is damaged: its token or its "
                    "server holds characters that no request may carry; write the token anew, in "
                    "one line, or log in again"
                )
                raise DeployError(msg) from None
            else:
                if status < 400 or status in tolerated:
                    return status, text
                if last or status not in passing:
                    raise refusal(call, status, text)
                asked_to_wait = retry_after(status, text, header)
            self._wait(call, tried, asked_to_wait)
            again()
        raise AssertionError(str(call))

    def _wait(self, call: Call, tried: int, asked_s: float) -> None:
        patience = self._patience
        backoff = min(patience.longest_wait_s, patience.first_wait_s * 2 ** (tried - 1))
        # Spread, so that many clients that were refused together do not come back together.
        spread = backoff * random.uniform(0.7, 1.0)  # noqa: S311
        seconds = max(min(asked_s, patience.longest_asked_s), spread)
        logger.info("trying again call=%s tried=%d wait_s=%.1f", call, tried, seconds)
        self._sleep(seconds)

    def _once(
        self,
        method: str,
        path: str,
        body: Document | None,
        query: dict[str, Any] | None,
        content: str,
    ) -> tuple[int, str, str | None]:
        from kubernetes.client.exceptions import ApiException

        headers = {"Accept": "application/json, */*", "Content-Type": content}
        try:
            answer = self._client.call_api(
                path,
                method,
                query_params=list((query or {}).items()),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
                _return_http_data_only=True,
                # The client would parse a log that looks like JSON.
                _preload_content=False,
                _request_timeout=(self._patience.connect_s, self._patience.answer_s),
            )
        except ApiException as exc:
            if not exc.status:
                # The client's way to say that TLS failed.
                raise OSError(exc.reason) from exc
            text = (exc.body or b"").decode("utf-8", errors="replace")
            return exc.status, text, (exc.headers or {}).get("Retry-After")
        return answer.status, answer.data.decode("utf-8", errors="replace"), None
