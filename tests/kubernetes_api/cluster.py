"""A cluster with KServe 0.21: what a test holds.

What its controller does that is easily overlooked, read in KServe's source at commit aaac4e29 (its
main branch between 0.20 and 0.21, the nearest at hand) and repeated here, from
pkg/controller/v1beta1/inferenceservice and pkg/apis/serving/v1beta1:

- Annotations and labels of an InferenceService are copied to the pods of every variant (but
  `kubectl.kubernetes.io/last-applied-configuration` and what KServe's configuration disallows): a
  changed one restarts them all by a rolling update of their Deployments. Those of `spec.predictor`
  and of `spec.canary[].predictor` go to their own pods alone; a canary inherits the stable one's.
- A canary is the stable predictor overlaid with its own fields; minReplicas may not exceed the
  stable one's, and where it is absent a canary at 0 % has no pod at all (with the autoscaler class
  `none`) or one. As soon as a canary is ready, the stable one is scaled down by the canary's
  replicas, to one at least, whatever the traffic.
- `status.observedGeneration` is the stable Deployment's generation, not the InferenceService's, and
  `Ready` says nothing of canaries: CanaryPredictorReady and canaryStatuses do; why one is not ready
  only its pods, its Deployment and the events say.
- A route gives a canary its share only while it is ready; the stable one has the rest.
- When predictor.name moves, what is no longer named (Deployment, Service; the autoscaler is left
  behind) is deleted before the route is written anew. Traffic that the route still gives to the old
  name is lost in between, so that a canary must have had 100 % before; an Ingress (no Gateway API)
  can not even do that, and there only a rolling update under an unchanged name has no gap.
- predictor.name can only change together with storageUri; spec.canary needs the annotation
  `serving.kserve.io/deploymentMode: Standard`, which can not change afterwards.
- status.address is the stable variant's Service and moves with it; status.url stays.
"""

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Self

from tests.kubernetes_api import installed
from tests.kubernetes_api.answers import of_bundle, of_table
from tests.kubernetes_api.api import Api
from tests.kubernetes_api.conduct import Behaviour, Conduct
from tests.kubernetes_api.deployments import MODEL_LABEL, VERSION_LABEL, ready
from tests.kubernetes_api.machinery import Machinery, asked
from tests.kubernetes_api.outages import Outage

__all__ = ["Behaviour", "Cluster", "Outage"]


class Cluster:
    """An API server, KServe's controller, a gateway, and pods that answer.

    A version is what the pod's label `app.kubernetes.io/version` says; a bundle is what lies at its
    storageUri. There is a ServingRuntime `kubeloop` and one `kubeloop-skops` in each namespace.

    Attributes:
        api: the API server: faults, rights, calls, resources.
        url: its address.
        kubeconfig: a file for clients; its namespace is the first of `namespaces`.
        namespaces: that are there from the start.
        gateway: the ingress gateway's `http://address:port`; routes by the Host header, which is
            the host of an InferenceService's status.url. None without the Gateway API.
    """

    api: Api
    url: str
    kubeconfig: Path
    namespaces: tuple[str, ...]
    gateway: str | None

    def __init__(
        self, folder: Path, *, namespaces: Iterable[str] = ("models",), gateway_api: bool = True
    ) -> None:
        """Starts everything.

        Args:
            folder: where the kubeconfig goes.
            namespaces: to make; the first is the default one.
            gateway_api: whether KServe routes by the Gateway API. Without it there is no HTTPRoute
                and no Gateway, nor their CRDs, and a canary never takes traffic.
        """
        self.api = Api()
        self.url = self.api.url
        self.namespaces = tuple(namespaces)
        self.kubeconfig = self.api.kubeconfig(folder / "kubeconfig", namespace=self.namespaces[0])
        make = partial(Machinery, self.api.server, self.api.loop.loop, gateway_api=gateway_api)
        self._inside = self.api.loop.run(make)
        self.api.put(*installed.documents(self.namespaces, gateway_api=gateway_api))
        self.gateway = self._inside.entrances.gateway

    def put_bundle(self, uri: str, folder: Path) -> None:
        """Puts a bundle where pods fetch it: they give its golden answers.

        Pods of a uri where nothing was put answer every row with their version.
        """
        self._inside.bundles[uri] = of_bundle(folder)

    def put_answers(
        self, uri: str, rows: Iterable[Mapping[str, Any]], answers: Iterable[Any]
    ) -> None:
        """Puts rows and their V1 answers where pods fetch a bundle."""
        self._inside.bundles[uri] = of_table(rows, answers)

    def behave(
        self,
        version: int | str,
        behaviour: Behaviour,
        *,
        calls: int = 3,
        log: Iterable[str] = (),
        exit_code: int = 1,
        ratio: float = 0.5,
        seconds: float = 0.2,
    ) -> None:
        """Says how pods of a version behave, those that are there already too.

        Args:
            version: of a model; or the name of a Deployment without a model.
            behaviour: see tests/kubernetes_api/conduct.py.
            calls: of "slow": requests to the API until it is ready.
            log: lines of the container that fails.
            exit_code: of the container that fails; 137 says OOMKilled.
            ratio: of "erring" and "hanging": the part of requests that fail, or hang, 0 to 1.
            seconds: that an answer takes; of "slow": until it is ready whatever the calls.
        """
        conduct = Conduct(behaviour, calls, tuple(log), exit_code, ratio, seconds)

        def change() -> None:
            self._inside.conducts[version] = conduct
            self._inside.rounds.wake()

        self.api.loop.run(change)

    def load(self, requests: int) -> None:
        """Says how much traffic there is: requests to each model between two scrapes of a pod.

        Each scrape of a pod's /metrics adds its share of them to the pod's counters: the share
        that the route gives its Service, over that Service's ready pods. 100 at the start.
        """
        self._inside.load = requests

    def linger(self, version: int, scrapes: int) -> None:
        """Has clients ask a version itself, whatever the route says, once between two scrapes.

        Args:
            version: of a model.
            scrapes: of its pods, after which they stop.
        """

        def linger() -> None:
            self._inside.lingering[version] = scrapes

        self.api.loop.run(linger)

    def lingering(self, version: int) -> int:
        """Returns for how many scrapes clients will still ask a version itself."""
        return self.api.loop.run(lambda: self._inside.lingering[version])

    def restart(
        self, version: int, *, but: Iterable[str] = (), log: Iterable[str] = (), exit_code: int = 1
    ) -> None:
        """Restarts the containers of a version's pods: counters begin anew, restartCount grows.

        Args:
            version: of a model.
            but: names of pods that are left as they are.
            log: lines of the container that ended; that of the one that runs says that it starts.
            exit_code: of the container that ended; 137 says OOMKilled.
        """
        lines, kept = tuple(log), set(but)

        def restart() -> None:
            for pod in self._inside.desk.all("Pod"):
                labels = pod["metadata"].get("labels", {})
                if pod["metadata"]["name"] in kept:
                    continue
                if labels.get(VERSION_LABEL) == str(version) and MODEL_LABEL in labels:
                    self._inside.kubelet.restart(pod, lines, exit_code)

        self.api.loop.run(restart)

    def versions(self, name: str, namespace: str = "") -> dict[int, int]:
        """Returns how many ready pods each version of a model has."""
        counts: dict[int, int] = {}
        for pod in self.api.list("Pod", namespace or self.namespaces[0]):
            labels = pod["metadata"].get("labels", {})
            if labels.get(MODEL_LABEL) == name and ready(pod):
                version = int(labels.get(VERSION_LABEL, 0))
                counts[version] = counts.get(version, 0) + 1
        return counts

    def traffic(self, name: str, namespace: str = "") -> dict[int, int]:
        """Returns the percentage of the model's traffic that each version takes now.

        It is the HTTPRoute's, or where there is none that of the Service behind status.url. What
        has no ready pod counts under 0, so that the sum is always 100; {} where there is no route.
        """
        space = namespace or self.namespaces[0]
        return self.api.loop.run(lambda: self._inside.entrances.traffic(space, name))

    def serving(self, name: str, namespace: str = "") -> set[int]:
        """Asks through the model's stable entrance and returns the versions that answered.

        Each way that the route weighs more than 0 is asked over HTTP; 0 stands for one that
        answered with an error or not at all.
        """
        space = namespace or self.namespaces[0]
        entrances, run = self._inside.entrances, self.api.loop.run
        answered: set[int] = set()
        for way in run(partial(entrances.ways, space, name)):
            if way.percent:
                service = self.api.get("Service", way.service, space)
                pods = run(partial(entrances.behind, space, way.service))
                found = {asked(service, name) for _ in pods} if service else set()
                answered |= found or {0}
        return answered

    def outages(self, name: str, namespace: str = "") -> list[Outage]:
        """Returns when, after the model was first served, traffic had nowhere to go."""
        place = (namespace or self.namespaces[0], name)
        return self.api.loop.run(lambda: list(self._inside.watchman.outages.get(place, [])))

    def settle(self, timeout: float = 10.0) -> None:
        """Waits until the controllers have nothing left to do; what is slow stays to be done."""

        async def idle() -> None:
            await self._inside.rounds.idle.wait()

        self.api.loop.wait(asyncio.wait_for(idle(), timeout))

    def close(self) -> None:
        """Stops everything."""
        self.api.loop.run(self._inside.close)
        self.api.close()

    def pause(self) -> None:
        """Stops the controllers: what a client changes stays without any effect until `resume`."""
        self.api.loop.run(self._inside.rounds.pause)

    def resume(self) -> None:
        """Lets the controllers go on."""
        self.api.loop.run(self._inside.rounds.resume)

    def __enter__(self) -> Self:
        """Returns itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Closes."""
        self.close()
