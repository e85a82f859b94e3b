"""How a request is refused: one status, one message that names every problem, and counts.

Both protocols and both transports collect their problems here, so that a client sees the same
words whichever way it called, and a message can never grow with the request.
"""

import traceback
from collections import Counter
from pathlib import Path

from components.errors import RequestError

MAX_PROBLEMS = 20
MAX_SHOWN = 60


class RefusalError(RequestError):
    """A request that is not answered.

    Attributes:
        status: HTTP status; gRPC maps it onto its own codes.
        counts: how many values were refused, by feature and reason code.
    """

    def __init__(
        self, message: str, *, status: int = 400, counts: Counter[tuple[str, str]] | None = None
    ) -> None:
        """Keeps the message, which becomes the answer's `error`."""
        super().__init__(message)
        self.status = status
        self.counts: Counter[tuple[str, str]] = Counter() if counts is None else counts

    def released(self) -> "RefusalError":
        """Lets go of the frames that it came through, which hold the body and all made of it.

        Whoever keeps a refusal beyond its handler would keep them in a cycle, until some later
        garbage collection.
        """
        self.__traceback__ = self.__cause__ = self.__context__ = None
        return self


class Problems:
    """Collects what is wrong with one request: all of it counted, the first of it said."""

    def __init__(self) -> None:
        """Starts with no problem."""
        self._said: list[str] = []
        self._total = 0
        self._counts: Counter[tuple[str, str]] = Counter()

    @property
    def full(self) -> bool:
        """Whether further texts would be dropped, so that making them is wasted."""
        return len(self._said) >= MAX_PROBLEMS

    def add(self, text: str, *, feature: str | None = None, reason: str = "") -> None:
        """Adds a problem.

        Args:
            text: where it is, what was expected and what came instead.
            feature: the feature of the signature that it concerns, to be counted.
            reason: a reason code of a bounded set.
        """
        self._total += 1
        if not self.full:
            self._said.append(text)
        if feature is not None:
            self._counts[feature, reason] += 1

    def refuse(self) -> None:
        """Raises `RefusalError` with all problems if there are any."""
        if not self._total:
            return
        text = "; ".join(self._said)
        if self._total > len(self._said):
            text += f"; and {self._total - len(self._said)} more"
        if self._total > 1:
            text = f"{self._total} problems: {text}"
        raise RefusalError(text, counts=self._counts)


def shown(value: object) -> str:
    """Returns a value as an error message may show it: short, and named by its JSON type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "the boolean " + ("true" if value else "false")
    if isinstance(value, str):
        return f"the text {clipped(value)}"
    if isinstance(value, int | float):
        return f"the number {value!r}"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    return f"a value of type {type(value).__name__}"


def clipped(text: str) -> str:
    """Returns a text in quotes, cut where it would make a message unreadable."""
    return repr(text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…")


def where(exc: BaseException) -> str:
    """Names an error and its place without its text, which may hold a client's row."""
    frame = traceback.extract_tb(exc.__traceback__)[-1]
    return f"{type(exc).__name__} at {Path(frame.filename).name}:{frame.lineno}"
