"""One version under watch: what its pods have counted since the watch began."""

from collections import defaultdict
from dataclasses import dataclass, field

from components.deploy.kserve.cluster_api import ClusterApi, Document
from components.deploy.kserve.counters import scrape
from components.deploy.kserve.judging import HANGING_S
from components.deploy.kserve.pods import (
    address,
    age_s,
    has_ended,
    is_leaving,
    is_ready,
    lost_its_server,
)
from components.deploy.kserve.reasons import pods_of
from components.deploy.kserve.tally import Tally
from components.deploy.kserve.unfinished import Looks, Unfinished
from components.deploy.kserve.variants import Variant


@dataclass
class Side:
    """One version under watch.

    Attributes:
        variant: which one.
        budget_s: seconds that a request may take.
        excuses: whether it is what the candidate is compared with: what it does in doubt counts.
        tally: what its pods counted since the start.
        looks: each pod's readings, by uid.
        older: uids of the pods that were there at the start; None before the first look.
        read: uids of the pods that were read in the last look.
        whole: whether that look missed no pod that may be at requests.
        unread: why ready pods could not be read in the last look, by uid.
        lost: pods that answered in this watch and whose server is not ready any more.
    """

    variant: Variant
    budget_s: float
    excuses: bool = False
    tally: Tally = field(default_factory=Tally)
    looks: defaultdict[str, Looks] = field(default_factory=lambda: defaultdict(Looks))
    older: set[str] | None = None
    read: list[str] = field(default_factory=list)
    whole: bool = False
    unread: dict[str, str] = field(default_factory=dict)
    lost: list[Document] = field(default_factory=list)

    @property
    def known(self) -> bool:
        """Whether the last look showed all that its pods are asked."""
        return self.whole and bool(self.read)

    @property
    def unfinished(self) -> Unfinished:
        """What its pods that were read in the last look have not finished."""
        return Unfinished(tuple(self.looks[uid] for uid in self.read), self.tally.requests)

    def look(self, api: ClusterApi, namespace: str) -> list[Document]:
        """Reads every pod of the version that answers; returns all of its pods."""
        pods = pods_of(api, namespace, self.variant)
        if self.older is None:
            self.older = {pod["metadata"]["uid"] for pod in pods}
        self.read, self.unread = [], {}
        self.lost = [p for p in pods if p["metadata"]["uid"] in self.looks and lost_its_server(p)]
        for pod in pods:
            server = address(pod)
            if not server or not (is_ready(pod) or is_leaving(pod)):
                continue
            try:
                self._scrape(pod, server)
            except (OSError, ValueError) as exc:
                if not is_leaving(pod):
                    self.unread[pod["metadata"]["uid"]] = f"{pod['metadata']['name']}: {exc}"
        asked = [p["metadata"]["uid"] for p in pods if not has_ended(p)]
        missed = [uid for uid in asked if uid in self.looks and uid not in self.read]
        self.whole = not missed and not self.unread
        return pods

    def _scrape(self, pod: Document, server: str) -> None:
        reading, uid = scrape(server, self.variant.model), pod["metadata"]["uid"]
        before = self.looks[uid].last if uid in self.looks else None
        # What a pod counted before the watch began is no matter of the watch; one that came
        # since, which no clock is asked about, has counted nothing else.
        if before is not None or uid not in (self.older or ()):
            grown = reading.since(before)
            grown.beyond = (
                grown.above_all()
                if self.excuses
                else grown.surely_slower(self.budget_s, age_s(pod))
            )
            self.tally.add(grown)
        self.looks[uid].add(reading, longest_s=max(HANGING_S, self.budget_s))
        self.read.append(uid)
