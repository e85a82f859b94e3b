"""Services and the ingress gateway: addresses that answer with one of the pods behind them."""

from collections import Counter, defaultdict
from dataclasses import dataclass

from tests.kubernetes_api.controllers import Desk
from tests.kubernetes_api.deployments import MODEL_LABEL, VERSION_LABEL, ready
from tests.kubernetes_api.http_server import Exchange, Listener
from tests.kubernetes_api.kubelet import Kubelet
from tests.kubernetes_api.model_server import ModelServer, refuse
from tests.kubernetes_api.network import Network
from tests.kubernetes_api.selectors import chosen
from tests.kubernetes_api.store import Document, Key


@dataclass(frozen=True)
class Way:
    """One way that a model's traffic goes.

    Attributes:
        service: by name.
        percent: of the traffic.
    """

    service: str
    percent: int


class Entrances:
    """Where clients come in."""

    def __init__(self, desk: Desk, network: Network, *, gateway_api: bool) -> None:
        """Starts the gateway, if there is one.

        Args:
            desk: to read at, and to write the routes' statuses at.
            network: of addresses.
            gateway_api: whether there is a gateway.
        """
        self.kubelet: Kubelet | None = None
        self.service_port = network.service_port
        self._desk, self._network = desk, network
        self._services: dict[Key, Listener] = {}
        # Made before their Service is stored, taken over once it is.
        self._assigned: dict[str, Listener] = {}
        self._turns: Counter[str] = Counter()
        self._gateway = network.listen(0, self._route) if gateway_api else None

    @property
    def gateway(self) -> str | None:
        """Returns the gateway's base URL."""
        found = self._gateway
        return None if found is None else f"http://{found.host}:{found.port}"

    def assign(self, service: Document) -> None:
        """Gives a Service its cluster IP, and listens there."""
        if service["spec"].get("clusterIP"):
            return
        metadata = service["metadata"]
        place = (metadata["namespace"], metadata["name"])

        async def answer(exchange: Exchange) -> None:
            await self._answer(exchange, *place)

        listener = self._network.listen(self.service_port, answer)
        service["spec"] |= {"clusterIP": listener.host, "clusterIPs": [listener.host]}
        self._assigned[listener.host] = listener

    def work(self) -> None:
        """Closes the addresses of Services that are gone, and accepts new routes."""
        there = {self._desk.key(s): s for s in self._desk.all("Service")}
        for key, service in there.items():
            listener = self._assigned.pop(service["spec"].get("clusterIP", ""), None)
            if listener is not None:
                self._services[key] = listener
        for key in set(self._services) - set(there):
            self._services.pop(key).close()
        if self._gateway is not None:
            for route in self._desk.all("HTTPRoute"):
                self._accept(route)

    def behind(self, namespace: str, service: str) -> list[Document]:
        """Returns the ready pods of a Service."""
        found = self._desk.store.peek(("", "services", namespace, service))
        selector = (found or {"spec": {}})["spec"].get("selector")
        return [
            pod
            for _, pod in self._desk.store.scan("", "pods", namespace)
            if ready(pod) and chosen(selector, pod["metadata"].get("labels"))
        ]

    def ways(self, namespace: str, name: str) -> list[Way]:
        """Returns where a model's traffic goes; nothing where it has no route yet."""
        route = self._desk.store.peek(("gateway.networking.k8s.io", "httproutes", namespace, name))
        if self._gateway is not None and route is not None:
            backends = route["spec"]["rules"][-1]["backendRefs"]
            whole = sum(backend.get("weight", 1) for backend in backends) or 1
            return [
                Way(backend["name"], round(100 * backend.get("weight", 1) / whole))
                for backend in backends
            ]
        ingress = self._desk.store.peek(("networking.k8s.io", "ingresses", namespace, name))
        if self._gateway is None and ingress is not None:
            path = ingress["spec"]["rules"][0]["http"]["paths"][0]
            return [Way(path["backend"]["service"]["name"], 100)]
        return []

    def traffic(self, namespace: str, name: str) -> dict[int, int]:
        """Returns the percentage of each version; 0 for what finds no ready pod."""
        shares: dict[int, float] = defaultdict(float)
        for way in self.ways(namespace, name):
            pods = self.behind(namespace, way.service) if way.percent else []
            if way.percent and not pods:
                shares[0] += way.percent
            for pod in pods:
                version = int(pod["metadata"]["labels"].get(VERSION_LABEL, 0))
                shares[version] += way.percent / len(pods)
        return {version: round(share) for version, share in shares.items()}

    def share(self, pod: Document) -> float:
        """Returns the part of its model's traffic that a pod takes, 0 to 1."""
        metadata = pod["metadata"]
        space, name = metadata["namespace"], metadata.get("labels", {}).get(MODEL_LABEL, "")
        total = 0.0
        for way in self.ways(space, name):
            names = [p["metadata"]["name"] for p in self.behind(space, way.service)]
            if metadata["name"] in names:
                total += way.percent / 100 / len(names)
        return total

    def close(self) -> None:
        """Stops listening."""
        listeners = [*self._services.values(), *self._assigned.values()]
        for listener in [*listeners, *([self._gateway] if self._gateway else [])]:
            listener.close()

    def _accept(self, route: Document) -> None:
        """Says of a route what a gateway says."""
        namespace = route["metadata"]["namespace"]
        refs = [ref for rule in route["spec"]["rules"] for ref in rule.get("backendRefs", [])]
        missing = [
            ref["name"]
            for ref in refs
            if self._desk.store.peek(("", "services", namespace, ref["name"])) is None
        ]
        resolved = {"type": "ResolvedRefs", "status": "True", "reason": "ResolvedRefs"}
        if missing:
            message = f"Failed to process route rule 0: Service {namespace}/{missing[0]} not found."
            resolved |= {"status": "False", "reason": "BackendNotFound", "message": message}
        conditions = [{"type": "Accepted", "status": "True", "reason": "Accepted"}, resolved]
        seen = {"observedGeneration": route["metadata"].get("generation", 1)}
        conditions = [condition | seen for condition in conditions]
        parent = {"parentRef": route["spec"]["parentRefs"][0], "conditions": conditions}
        name = {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"}
        self._desk.status(route, {"parents": [{**name, **parent}]})

    async def _answer(self, exchange: Exchange, namespace: str, service: str) -> None:
        """Has one of a Service's pods answer, in turn."""
        servers = self._servers(namespace, service)
        if not servers:
            await refuse(exchange)
        turn = self._turns[service]
        self._turns[service] += 1
        await servers[turn % len(servers)].handle(exchange)

    def _servers(self, namespace: str, service: str) -> list[ModelServer]:
        running = self.kubelet.running if self.kubelet else {}
        states = [running.get(p["metadata"]["uid"]) for p in self.behind(namespace, service)]
        return [state.server for state in states if state and state.server]

    async def _route(self, exchange: Exchange) -> None:
        """Has the gateway choose a way by its weight, and a pod behind it."""
        host = exchange.request.headers.get("host", "").split(":")[0]
        for key, route in self._desk.store.scan("gateway.networking.k8s.io", "httproutes"):
            if host not in route["spec"].get("hostnames", []):
                continue
            name = route["metadata"]["name"]
            ways = [way for way in self.ways(key[2], name) if way.percent]
            # The way that is furthest behind its share: 10 % is every tenth request.
            done = {way: self._turns[f"{host}/{way.service}"] for way in ways}
            way = min(ways, key=lambda w: (done[w] + 1) / w.percent)
            self._turns[f"{host}/{way.service}"] += 1
            servers = self._servers(key[2], way.service)
            if not servers:
                await exchange.answer(503, "no healthy upstream")
                return
            await servers[done[way] % len(servers)].handle(exchange)
            return
        await exchange.answer(404, b"")
