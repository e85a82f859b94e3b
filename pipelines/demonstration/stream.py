"""The client of the demonstration: asks the endpoint row by row, and learns the truth later.

Nothing here knows the project: HTTP and JSON, as any card system would send them.
"""

import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import requests

from components.errors import DeployError
from pipelines.demonstration.transactions import TARGET, Transactions

_TIMEOUT_S = 30.0
_TOLD_AT_ONCE = 50


@dataclass
class Stream:
    """Sends transactions at a steady pace, one request each, and their truth after a delay.

    Attributes:
        transactions: what is sent.
        serving, monitor: addresses of both services.
        model: the model's name.
        rate: rows a second.
        delay: rows after which the truth of a row is known.
        next: the row that is sent next.
        failed: requests without a prediction.
    """

    transactions: Transactions
    serving: str
    monitor: str
    model: str
    rate: float
    delay: int
    next: int
    failed: int = 0
    _waiting: deque[tuple[int, str, str]] = field(default_factory=deque)
    _session: requests.Session = field(default_factory=requests.Session)

    def send_until(self, done: Callable[[], bool], most: int) -> bool:
        """Sends rows until something has come about.

        Args:
            done: asked after every second of rows.
            most: rows after which to give up.

        Returns:
            Whether it has come about.

        Raises:
            DeployError: the monitor does not take the truth.
        """
        end = self.next + most
        while self.next < end:
            began = time.monotonic()
            count = min(max(1, round(self.rate)), end - self.next)
            for row in self.transactions.rows(self.next, count):
                self._ask(row)
            self._tell()
            if done():
                return True
            time.sleep(max(0.0, count / self.rate - (time.monotonic() - began)))
        return False

    def _ask(self, row: dict[str, object]) -> None:
        truth = str(row.pop(TARGET))
        request = str(uuid.uuid4())
        url = f"{self.serving}/v1/models/{self.model}:predict"
        try:
            answer = self._session.post(
                url, json={"instances": [row]}, headers={"Ce-Id": request}, timeout=_TIMEOUT_S
            )
        except requests.RequestException:
            self.failed += 1
        else:
            self.failed += answer.status_code != 200
            self._waiting.append((self.next, request, truth))
        self.next += 1

    def _tell(self) -> None:
        """Posts the truth of the rows that are old enough."""
        known: list[dict[str, str]] = []
        while self._waiting and self._waiting[0][0] <= self.next - self.delay:
            _, request, truth = self._waiting.popleft()
            now = datetime.now(UTC).isoformat()
            known.append({"id": f"{request}:0", "label": truth, "time": now})
        for start in range(0, len(known), _TOLD_AT_ONCE):
            url = f"{self.monitor}/v1/feedback"
            body = known[start : start + _TOLD_AT_ONCE]
            answer = self._session.post(url, json=body, timeout=_TIMEOUT_S)
            if answer.status_code != 200:
                msg = f"the monitor did not take {len(body)} labels: {answer.text[:300]}"
                raise DeployError(msg)
