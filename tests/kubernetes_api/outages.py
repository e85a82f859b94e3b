"""A watch over what is served: every moment at which traffic had nowhere to go."""

from dataclasses import dataclass

from tests.kubernetes_api.entrances import Entrances
from tests.kubernetes_api.requests import Server
from tests.kubernetes_api.store import Change

_PLURALS = {"pods", "services", "httproutes", "ingresses", "inferenceservices"}


@dataclass(frozen=True)
class Outage:
    """A moment at which a part of the traffic had nowhere to go.

    Attributes:
        reason: which Service had no ready pod, and its share; or that the model was deleted.
        call: how many calls the API had been asked by then.
    """

    reason: str
    call: int


class Watchman:
    """Looks at every model after each change."""

    def __init__(self, server: Server, entrances: Entrances) -> None:
        """Begins to look.

        Args:
            server: whose changes matter.
            entrances: where the traffic comes in.
        """
        self.outages: dict[tuple[str, str], list[Outage]] = {}
        self._server, self._entrances = server, entrances
        # Whether a model has been served at all, and whether it is without service now.
        self._down: dict[tuple[str, str], str] = {}
        server.store.listeners.append(self._look)

    def _look(self, change: Change) -> None:
        if change.key[1] not in _PLURALS:
            return
        if change.key[1] == "inferenceservices" and change.type == "DELETED":
            place = change.key[2:]
            if self._down.pop(place, None) is not None:
                self._note(place, "the InferenceService was deleted while it was served")
            return
        space = change.key[2]
        for key, _ in self._server.store.scan("serving.kserve.io", "inferenceservices", space):
            self._judge(key[2:])

    def _judge(self, place: tuple[str, str]) -> None:
        ways = self._entrances.ways(*place)
        lost = [w for w in ways if w.percent and not self._entrances.behind(place[0], w.service)]
        if place not in self._down:
            if ways and not lost:
                self._down[place] = ""
            return
        reason = "; ".join(
            f"Service {w.service!r} has no ready pod for {w.percent} %" for w in lost
        )
        reason = reason or ("" if ways else "the route is gone")
        if reason and reason != self._down[place]:
            self._note(place, reason)
        self._down[place] = reason

    def _note(self, place: tuple[str, str], reason: str) -> None:
        calls = len(self._server.hooks.calls)
        self.outages.setdefault(place, []).append(Outage(reason, calls))
