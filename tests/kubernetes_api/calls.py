"""What was asked, and who wants to hear of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from tests.kubernetes_api.http_server import CutError

Moment = Literal["arrived", "done", "answered"]


@dataclass(frozen=True)
class Call:
    """One request as RBAC sees it.

    Attributes:
        verb: get, list, watch, create, update, patch, delete, deletecollection.
        group: "" for the core group.
        resource: the plural; "" for what is no resource, such as discovery.
        subresource: "" or status, log.
        namespace: "" for what lies in none.
        name: "" for a list, a watch and a create; the path of what is no resource.
        status: of the answer; 0 where none was given.
    """

    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    status: int = 0


class Hooks:
    """The record of calls, and one callback of a test."""

    def __init__(self) -> None:
        """Starts with no call and nobody to tell."""
        self.calls: list[Call] = []
        # Of the cluster itself: called after each call was answered.
        self.inner: list[Callable[[], object]] = []
        self._hook: Callable[[Call], object] | None = None
        self._moment: Moment = "done"
        self._verbs: frozenset[str] | None = None

    def set(
        self, hook: Callable[[Call], object] | None, moment: Moment, verbs: frozenset[str] | None
    ) -> None:
        """Says whom to tell, when, and of which verbs."""
        self._hook, self._moment, self._verbs = hook, moment, verbs

    def begin(self, call: Call) -> int:
        """Records a call and returns its place."""
        self.calls.append(call)
        return len(self.calls) - 1

    def settle(self, place: int, status: int) -> None:
        """Records how a call was answered."""
        self.calls[place] = replace(self.calls[place], status=status)

    def tell(self, moment: Moment, place: int) -> None:
        """Tells the test.

        Raises:
            CutError: it wants the connection to end here.
        """
        call, hook = self.calls[place], self._hook
        wanted = self._verbs is None or call.verb in self._verbs
        if hook is not None and moment == self._moment and wanted and hook(call) == "drop":
            raise CutError
