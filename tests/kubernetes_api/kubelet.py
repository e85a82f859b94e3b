"""What becomes of a pod: scheduled, pulled, fetched, started, ready, or one of the ways to fail."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.kubernetes_api.answers import Answers
from tests.kubernetes_api.conduct import Conduct
from tests.kubernetes_api.controllers import Desk, Rounds
from tests.kubernetes_api.deployments import MODEL_LABEL, VERSION_LABEL, subject
from tests.kubernetes_api.http_server import Listener
from tests.kubernetes_api.model_server import ModelServer
from tests.kubernetes_api.network import Network
from tests.kubernetes_api.pod_status import FAILING, PodStatus, termination
from tests.kubernetes_api.store import Document

# How long a pod still answers after it was told to stop (really: preStop and the grace period).
GRACE_S = 0.01
SOURCE = "internal.serving.kserve.io/storage-initializer-sourceuri"


@dataclass
class Running:
    """What the node knows of one pod.

    Attributes:
        conduct: that its status was made for.
        address: its IP.
        step: how far it has come.
        server: what answers in its container; None where it has no model.
        listener: the address it answers at, while its container runs.
        calls: how many the API had answered when it was started.
        since: when it was started, on the loop's clock.
        restarts: of its container.
        ended: how its container's last life ended; None in its first one.
        last_log: of its container's last life.
        leaving: whether it was told to stop.
        refetched: whether its init container failed once before it did what it does.
        due: whether a look at it is ordered for when it has been slow long enough.
    """

    conduct: Conduct
    address: str
    calls: int
    since: float
    step: int = 0
    server: ModelServer | None = None
    listener: Listener | None = None
    restarts: int = 0
    ended: Document | None = None
    last_log: tuple[str, ...] = ()
    leaving: bool = False
    refetched: bool = False
    due: bool = False


class Kubelet:
    """Runs all pods, one step of each a round."""

    def __init__(
        self,
        desk: Desk,
        rounds: Rounds,
        network: Network,
        conduct: Callable[[int | str], Conduct],
        answers: Callable[[str, int], Answers],
    ) -> None:
        """Starts with no pod.

        Args:
            desk: to write statuses at.
            rounds: to be woken by.
            network: of addresses.
            conduct: how a version, or a Deployment's pods, behave.
            answers: what lies at a storageUri, for a version.
        """
        self.running: dict[str, Running] = {}
        # How many requests a pod gets between two scrapes.
        self.traffic: Callable[[Document], float] = lambda pod: 0.0
        self._desk, self._rounds, self._network = desk, rounds, network
        self._conduct, self._answers = conduct, answers
        self._loop = rounds.loop

    def work(self) -> None:
        """Takes one step for each pod."""
        pods = {pod["metadata"]["uid"]: pod for pod in self._desk.all("Pod")}
        for uid in set(self.running) - set(pods):
            self._stop(self.running.pop(uid))
        for uid, pod in pods.items():
            # A pod that a test put there is none of this node's.
            if pod["metadata"].get("ownerReferences"):
                self._step(pod, self.running.get(uid) or self._admit(pod))

    def nudge(self) -> None:
        """Has slow pods looked at again, after a request to the API."""
        if any(state.conduct.behaviour == "slow" for state in self.running.values()):
            self._rounds.wake()

    def restart(self, pod: Document, log: tuple[str, ...], exit_code: int) -> None:
        """Restarts a pod's container: what it counted is gone."""
        state = self.running[pod["metadata"]["uid"]]
        state.ended, state.last_log = termination(pod, exit_code), log
        self._stop(state)
        state.restarts += 1
        state.step = min(state.step, 1)
        self._rounds.wake()

    def close(self) -> None:
        """Stops all."""
        for state in self.running.values():
            self._stop(state)
        self.running.clear()

    def _admit(self, pod: Document) -> Running:
        calls = len(self._desk.server.hooks.calls)
        conduct = self._conduct(_subject(pod))
        state = Running(conduct, self._network.address(), calls, self._loop.time())
        state.refetched = conduct.behaviour == "refetched"
        self.running[pod["metadata"]["uid"]] = state
        return state

    def _step(self, pod: Document, state: Running) -> None:
        if "deletionTimestamp" in pod["metadata"]:
            self._leave(pod, state)
            return
        conduct = self._conduct(_subject(pod))
        if conduct != state.conduct:
            if conduct.behaviour in FAILING or state.conduct.behaviour in FAILING:
                self._stop(state)
                state.step = min(state.step, 1)
            state.conduct = conduct
            state.calls, state.since = len(self._desk.server.hooks.calls), self._loop.time()
        status = PodStatus(self._desk, pod, state)
        if state.step >= 2 and conduct.behaviour not in FAILING:
            self._start(pod, state)
        self._desk.status(pod, status.now(is_ready=self._is_ready(state)))
        if state.server is not None:
            state.server.ready = state.step >= 3 and self._is_ready(state)
        if state.step < status.last:
            state.step += 1
            self._rounds.wake()

    def _is_ready(self, state: Running) -> bool:
        conduct = state.conduct
        if conduct.behaviour in ("never", "stuck"):
            return False
        if conduct.behaviour != "slow":
            return True
        waited = self._loop.time() - state.since
        if len(self._desk.server.hooks.calls) - state.calls >= conduct.calls:
            return True
        if waited < conduct.seconds and not state.due:
            state.due = True
            self._loop.call_later(conduct.seconds - waited + 0.001, self._rounds.wake)
        return waited >= conduct.seconds

    def _start(self, pod: Document, state: Running) -> None:
        """Starts the container's server."""
        labels = pod["metadata"].get("labels", {})
        if state.listener is not None or MODEL_LABEL not in labels:
            return
        version = int(labels.get(VERSION_LABEL, 0))
        uri = pod["metadata"].get("annotations", {}).get(SOURCE, "")
        who = _subject(pod)
        state.server = ModelServer(
            labels[MODEL_LABEL], version, self._answers(uri, version), lambda: self._conduct(who)
        )
        state.server.traffic = lambda: self.traffic(pod)
        port = self._network.pod_port
        try:
            state.listener = self._network.at(state.address, port, state.server.handle)
        except OSError:
            # Somebody else had the address by chance.
            state.listener = self._network.listen(port, state.server.handle)
            state.address = state.listener.host

    def _stop(self, state: Running) -> None:
        if state.listener is not None:
            state.listener.close()
        state.listener = state.server = None

    def _leave(self, pod: Document, state: Running) -> None:
        """Ends a pod a moment after it was told to stop."""
        if state.leaving:
            return
        state.leaving = True
        key = self._desk.key(pod)
        uid = pod["metadata"]["uid"]

        def end() -> None:
            there = self._desk.store.peek(key)
            if there is not None and there["metadata"]["uid"] == uid:
                self._desk.store.remove(key)

        self._loop.call_later(GRACE_S, end)


def _subject(pod: Document) -> int | str:
    metadata = pod["metadata"]
    return subject(metadata.get("labels", {}), metadata["ownerReferences"][0]["name"])
