"""How long Kubeflow Pipelines may take to answer, and what is said of it meanwhile."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Patience:
    """How long to wait for what, in seconds.

    Attributes:
        connect_s: for a connection.
        first_s: for an answer to the first question, which is no more than whether anybody is
            there.
        answer_s: for each piece of any other answer; the server compiles what is uploaded to it.
        told_s: until the screen says what is waited for.
    """

    connect_s: float = 10.0
    first_s: float = 10.0
    answer_s: float = 60.0
    told_s: float = 3.0

    @property
    def first(self) -> tuple[float, float]:
        """Of the first question, as kfp's client takes it."""
        return self.connect_s, self.first_s

    @property
    def usual(self) -> tuple[float, float]:
        """Of all others, as kfp's client takes it."""
        return self.connect_s, self.answer_s


PATIENCE: Final = Patience()


class Waiting:
    """Says on standard error what is waited for, once for each thing that takes long."""

    def __init__(self, host: str, told_s: float) -> None:
        """Takes whom is waited for, and for how many seconds in silence."""
        self._host, self._told_s = host, told_s
        self._told: set[str] = set()

    @contextmanager
    def over(self, what: str) -> Iterator[None]:
        """Watches over one question.

        Args:
            what: is being done, such as `create a run`.

        Yields:
            Nothing, while it is asked.
        """
        timer = threading.Timer(self._told_s, self._tell, (what,))
        # An interrupted command waits for nobody.
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _tell(self, what: str) -> None:
        if what not in self._told:
            self._told.add(what)
            print(f"still waiting for {self._host}: {what}", file=sys.stderr, flush=True)
