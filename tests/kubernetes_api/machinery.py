"""What runs inside a cluster: the controllers, the node, the network, all at one API server."""

import asyncio
import http.client
import json
from collections import Counter
from dataclasses import replace

from tests.kubernetes_api import installed
from tests.kubernetes_api.answers import Answers, of_table
from tests.kubernetes_api.conduct import Conduct
from tests.kubernetes_api.controllers import Desk, Rounds
from tests.kubernetes_api.deployments import VERSION_LABEL, Deployments
from tests.kubernetes_api.entrances import Entrances
from tests.kubernetes_api.kinds import Kind
from tests.kubernetes_api.kserve import InferenceServices
from tests.kubernetes_api.kserve_admission import admit
from tests.kubernetes_api.kserve_routes import Routes
from tests.kubernetes_api.kserve_variants import inject_fetcher
from tests.kubernetes_api.kubelet import Kubelet
from tests.kubernetes_api.network import Network
from tests.kubernetes_api.outages import Watchman
from tests.kubernetes_api.pod_logs import read_log
from tests.kubernetes_api.requests import Server
from tests.kubernetes_api.resources import Options
from tests.kubernetes_api.store import Document


class Machinery:
    """All parts, each in its place.

    Attributes:
        conducts: how versions and Deployments behave that do not simply work.
        bundles: what lies in the object store.
        load: requests to each model between two scrapes of a pod.
        lingering: for how many scrapes of pods clients still ask a version itself, by version.
    """

    def __init__(
        self, server: Server, loop: asyncio.AbstractEventLoop, *, gateway_api: bool
    ) -> None:
        """Starts everything; to be called in the loop's thread.

        Args:
            server: the API server.
            loop: in which it runs.
            gateway_api: whether KServe routes by the Gateway API.
        """
        self.conducts: dict[int | str, Conduct] = {}
        self.bundles: dict[str, Answers] = {}
        self.load = 100
        self.lingering: Counter[int] = Counter()
        for kind in installed.kinds(gateway_api=gateway_api):
            server.kinds.add(kind)
        self.desk, self.rounds = Desk(server), Rounds(server, loop)
        network = Network()
        self.entrances = Entrances(self.desk, network, gateway_api=gateway_api)
        self.kubelet = Kubelet(self.desk, self.rounds, network, self._conduct, self._answers)
        self.kubelet.traffic = self._traffic
        self.entrances.kubelet = self.kubelet
        self.watchman = Watchman(server, self.entrances)
        routes = Routes(self.desk, self.entrances, gateway_api=gateway_api)
        ports = (network.service_port, network.pod_port)
        self.rounds.controllers = [
            InferenceServices(self.desk, routes, ports).work,
            Deployments(self.desk, self._conduct, inject_fetcher).work,
            self.kubelet.work,
            self.entrances.work,
        ]
        server.deletion.nodes = True
        server.resources.admissions += [admit, self._address]
        server.hooks.inner.append(self.kubelet.nudge)
        server.read_log = lambda pod, container, previous: read_log(
            self.kubelet, pod, container, previous=previous
        )

    def close(self) -> None:
        """Stops everything."""
        self.rounds.pause()
        self.kubelet.close()
        self.entrances.close()

    def _traffic(self, pod: Document) -> float:
        """How many requests came to a pod since its last scrape."""
        version = int(pod["metadata"].get("labels", {}).get(VERSION_LABEL, 0))
        lingering = self.lingering[version] > 0
        self.lingering[version] -= lingering
        return self.load * self.entrances.share(pod) + lingering

    def _conduct(self, subject: int | str) -> Conduct:
        return self.conducts.get(subject, Conduct())

    def _answers(self, uri: str, version: int) -> Answers:
        return self.bundles.get(uri) or replace(of_table((), ()), default=version)

    def _address(self, kind: Kind, old: Document | None, new: Document, options: Options) -> None:
        """Gives a Service that a client makes its address."""
        whole = "uid" in new.get("metadata", {})
        if kind.kind == "Service" and old is None and whole and not options.dry:
            self.entrances.assign(new)


def asked(service: Document, name: str) -> int:
    """Asks a Service which version answers; 0 where none does."""
    spec = service["spec"]
    connection = http.client.HTTPConnection(spec["clusterIP"], spec["ports"][0]["port"], timeout=5)
    try:
        connection.request("GET", f"/v2/models/{name}")
        response = connection.getresponse()
        return int(json.loads(response.read())["versions"][0]) if response.status == 200 else 0
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
