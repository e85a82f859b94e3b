"""What a proxy or a load balancer answers in place of an API server, in JSON of its own form."""

from typing import Any

from tests.kubernetes_api import Api
from tests.kubernetes_api.faults import Fault
from tests.kubernetes_api.refusals import RefusalError

UNHEALTHY = {"message": "upstream down", "details": "no healthy upstream"}


class _ForeignError(RefusalError):
    """An answer that is no Status."""

    def __init__(self, code: int, body: Any) -> None:
        super().__init__(code)
        self._body = body

    def status(self) -> Any:
        return self._body


def answer(
    api: Api, body: Any, *, verb: str = "*", code: int = 503, times: int = 1, acted: bool = False
) -> None:
    """Lets something in between answer in the API server's place.

    Args:
        api: the server.
        body: of the answers.
        verb: of the requests that are answered so.
        code: the HTTP status.
        times: how often; -1 for ever.
        acted: whether the change is made nevertheless.
    """
    fault = Fault(verb, ".", "fail", times, acted, _ForeignError(code, body))
    api.loop.run(lambda: api.server.faults.add(fault))
