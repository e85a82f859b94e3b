"""How the monitor says no: one error with an HTTP status, a reason code and every problem found.

Readers of request bodies collect problems in a `Review` and raise one `RefusedError`; `service`
turns it into an answer and `metrics` counts its reason. Nothing here ever repeats a value that a
client sent as a feature or a label: a problem names the place and what was expected there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from components.errors import RequestError

CONTENT_TYPE: Final = "content_type"
INVALID: Final = "invalid"
MALFORMED: Final = "malformed"
OVERLOADED: Final = "overloaded"
STORE: Final = "store"
TIMEOUT: Final = "timeout"
TOO_LARGE: Final = "too_large"
CONFLICT: Final = "conflict"

REASONS: Final = (CONTENT_TYPE, INVALID, MALFORMED, OVERLOADED, STORE, TIMEOUT, TOO_LARGE)

SHOWN_PROBLEMS: Final = 1000
"""An answer lists at most this many problems, and their number always."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with one item of a request.

    Attributes:
        field: the path of the value within the item.
        expected: what should be there.
        index: the item's place in the request, from 0.
        id: the item's own id, where it has a usable one.
    """

    field: str
    expected: str
    index: int = 0
    id: str | None = None

    def as_json(self) -> dict[str, str | int | None]:
        """The problem as it stands in an answer."""
        return {"index": self.index, "id": self.id, "field": self.field, "expected": self.expected}


class Review:
    """Collects the problems of one item, so that all of them are reported at once."""

    def __init__(self, index: int) -> None:
        """Starts without problems.

        Args:
            index: the item's place in the request, from 0.
        """
        self.index = index
        self.id: str | None = None
        self._notes: list[tuple[str, str]] = []

    def note(self, field: str, expected: str) -> None:
        """Notes that `field` does not hold what was `expected`."""
        self._notes.append((field, expected))

    @property
    def problems(self) -> list[Problem]:
        """All that was noted, with the item's index and id."""
        return [Problem(field, expected, self.index, self.id) for field, expected in self._notes]


class RefusedError(RequestError):
    """A request that is refused whole; nothing of it has been stored."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        reason: str,
        problems: Sequence[Problem] = (),
        retry_after: int | None = None,
    ) -> None:
        """Takes what the answer will say.

        Args:
            message: one sentence for a person.
            status: the HTTP status, 400 to 599.
            reason: a code of a fixed set, for metrics and programs.
            problems: every problem found, by item.
            retry_after: seconds after which the same request may succeed.
        """
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.problems = tuple(problems)
        self.retry_after = retry_after

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the answer."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    def as_json(self) -> dict[str, object]:
        """The body of the answer."""
        body: dict[str, object] = {"error": str(self), "reason": self.reason}
        if self.problems:
            body["problem_count"] = len(self.problems)
            body["problems"] = [problem.as_json() for problem in self.problems[:SHOWN_PROBLEMS]]
        return body


def invalid(problems: Sequence[Problem], *, what: str) -> RefusedError:
    """Refuses a request whose content is wrong, naming the first problem in its sentence.

    Args:
        problems: at least one.
        what: the request in one word, such as "events".

    Returns:
        A 400; nothing of the request has been stored.
    """
    first = problems[0]
    more = f" and {len(problems) - 1} more problems" if len(problems) > 1 else ""
    message = (
        f"{what} refused whole, nothing was stored: item {first.index}, {first.field}: "
        f"expected {first.expected}{more}"
    )
    return RefusedError(message, status=400, reason=INVALID, problems=problems)


def overloaded(what: str) -> RefusedError:
    """Sheds a request before the monitor falls behind.

    Args:
        what: the limit that is reached.

    Returns:
        A 503 that asks to come back in a second.
    """
    message = f"the monitor is at its limit ({what}); nothing was stored, send it again later"
    return RefusedError(message, status=503, reason=OVERLOADED, retry_after=1)


def store_unavailable() -> RefusedError:
    """Refuses a request that could not be made durable.

    Returns:
        A 503; the request may be sent again, since storing is idempotent.
    """
    message = "the store could not be written; nothing was acknowledged, send it again later"
    return RefusedError(message, status=503, reason=STORE, retry_after=5)
