"""The API server: what a test holds."""

import builtins
from collections.abc import Callable, Iterable
from pathlib import Path

import yaml

from tests.kubernetes_api.calls import Call, Moment
from tests.kubernetes_api.copies import copied
from tests.kubernetes_api.faults import Fault
from tests.kubernetes_api.http_server import Listener
from tests.kubernetes_api.kinds import Kind
from tests.kubernetes_api.loops import Loop
from tests.kubernetes_api.refusals import RefusalError
from tests.kubernetes_api.requests import Server
from tests.kubernetes_api.store import Document


class Api:
    """A Kubernetes API server on a loopback port, in a thread of its own.

    Attributes:
        url: `http://127.0.0.1:port`.
        loop: in which it runs.
        server: what it is made of.
    """

    url: str

    def __init__(self, loop: Loop | None = None) -> None:
        """Starts on a free port, with Kubernetes's own kinds and the namespaces of a new cluster.

        Args:
            loop: in which it is to run; by default one of its own.
        """
        self._own_loop = loop is None
        self.loop = loop or Loop()
        self.server = Server(self.loop)
        self._listener: Listener = self.loop.run(
            lambda: Listener("127.0.0.1", 0, self.server.handle)
        )
        self.url = f"http://127.0.0.1:{self._listener.port}"
        for name in ("default", "kube-system"):
            self.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    @property
    def calls(self) -> builtins.list[Call]:
        """Returns every request for a resource so far, in order; discovery is none."""
        return [call for call in self.server.hooks.calls if call.resource]

    def kubeconfig(self, path: Path, *, namespace: str = "default", user: str = "test") -> Path:
        """Writes a configuration by which kubectl and every client find this server."""
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url}}],
            "users": [{"name": user, "user": {"token": f"of-{user}"}}],
            "contexts": [
                {
                    "name": "test",
                    "context": {"cluster": "test", "user": user, "namespace": namespace},
                }
            ],
        }
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return path

    # What lies in the cluster, without HTTP and without a Call.

    def put(self, *documents: Document) -> None:
        """Creates resources or replaces them, metadata completed; status is stored too."""

        def put() -> None:
            for document in documents:
                self.server.upkeep.put(document)

        self.loop.run(put)

    def get(self, kind: str, name: str, namespace: str = "") -> Document | None:
        """Returns a copy of a resource by its kind; None where there is none."""
        return self.loop.run(lambda: self.server.store.get(self._key(kind, name, namespace)))

    def list(self, kind: str, namespace: str = "") -> list[Document]:
        """Returns copies of all resources of a kind, in all namespaces if none is named."""
        found = self.server.kinds.named(kind)

        def collect() -> builtins.list[Document]:
            scanned = self.server.store.scan(found.group, found.plural, namespace)
            return [copied(document) for _, document in scanned]

        return self.loop.run(collect)

    def remove(self, kind: str, name: str, namespace: str = "") -> None:
        """Removes a resource and what it owns, at once."""
        self.loop.run(lambda: self.server.upkeep.drop(self._key(kind, name, namespace)))

    def register(
        self, group: str, version: str, plural: str, kind: str, *, namespaced: bool = True
    ) -> None:
        """Serves a further kind; a CustomResourceDefinition that is created does the same."""
        made = Kind(group, version, plural, kind, namespaced, (), ("status",))
        self.loop.run(lambda: self.server.kinds.add(made))

    def event(
        self, involved: Document, reason: str, message: str, *, kind: str = "Warning"
    ) -> None:
        """Records an Event about a resource."""
        self.loop.run(lambda: self.server.upkeep.record_event(involved, reason, message, kind))

    # Faults. `method` is an HTTP method, a verb of RBAC, or "*"; `path` is a regular expression
    # that is searched for in path and query. The first fault that fits is used, `times` times.

    def fail(
        self,
        method: str,
        path: str,
        *,
        status: int,
        reason: str = "",
        message: str = "",
        retry_after: int | None = None,
        times: int = 1,
        acted: bool = False,
    ) -> None:
        """Answers requests with an error.

        Args:
            method: which requests.
            path: which requests.
            status: the HTTP status.
            reason: of the Status body; by default the status's own (429: TooManyRequests).
            message: of the Status body; by default as Kubernetes words it.
            retry_after: seconds, as the header Retry-After and as details.retryAfterSeconds.
            times: how often; -1 for ever.
            acted: whether the change is made nevertheless.
        """
        refusal = RefusalError(status, message, reason=reason, retry_after=retry_after)
        self._order(Fault(method, path, "fail", times, acted, refusal))

    def cut(
        self, method: str, path: str, *, after_bytes: int = 0, times: int = 1, acted: bool = True
    ) -> None:
        """Cuts the connection after so many bytes of the answer's body; 0: before its head.

        Args:
            method: which requests.
            path: which requests.
            after_bytes: of the body.
            times: how often; -1 for ever.
            acted: whether the change is made before the cut.
        """
        self._order(Fault(method, path, "cut", times, acted, after_bytes=after_bytes))

    def hang(self, method: str, path: str, *, times: int = 1) -> None:
        """Leaves requests without an answer until `release` or the client goes."""
        self._order(Fault(method, path, "hang", times, acted=True))

    def unmet(self) -> builtins.list[Fault]:
        """Returns the faults that no request, or not so many as ordered, has met yet."""
        return self.loop.run(self.server.faults.unmet)

    def release(self) -> None:
        """Answers what hangs, and forgets all faults."""
        self.loop.run(self.server.faults.clear)

    def end_watches(self, *, times: int = -1) -> None:
        """Ends watch streams that run now, and further ones as soon as they have begun."""
        self.loop.run(lambda: self.server.watches.end(times))

    def compact(self, *, event: bool = False) -> None:
        """Forgets the history: a watch or a continued list from before is 410 Gone.

        Args:
            event: whether watches that run get an event ERROR with that status, and end.
        """
        self.loop.run(self.server.store.compact)
        if event:
            self.loop.run(self.server.watches.expire)

    # Rights.

    def permit(
        self,
        rules: Iterable[Document] | None,
        *,
        namespace: str = "",
        user: str = "system:serviceaccount:kubeflow:pipeline-runner",
    ) -> None:
        """Grants what the rules of a Role grant and nothing else, from now on.

        Args:
            rules: `rules` of a Role or a ClusterRole; None permits everything, as at the start.
            namespace: where they hold; "" everywhere.
            user: who asks, for the sentence of a 403.
        """
        self.loop.run(lambda: self.server.rights.grant(rules, namespace, user))

    def on_call(
        self,
        hook: Callable[[Call], object] | None,
        *,
        moment: Moment = "done",
        verbs: Iterable[str] | None = None,
    ) -> None:
        """Calls back at each request, in the server's thread; None for no longer.

        Args:
            hook: gets the call; where it returns "drop", the connection is cut there and then: a
                call that "arrived" is then not acted upon, one that is "done" gets no answer.
            moment: before acting, after acting and before answering, or after the answer was
                written.
            verbs: only these; None for all.
        """
        chosen = None if verbs is None else frozenset(verbs)
        self.loop.run(lambda: self.server.hooks.set(hook, moment, chosen))

    def close(self) -> None:
        """Stops the server; its connections are closed."""
        self.loop.run(self._listener.close)
        if self._own_loop:
            self.loop.close()

    def _order(self, fault: Fault) -> None:
        self.loop.run(lambda: self.server.faults.add(fault))

    def _key(self, kind: str, name: str, namespace: str) -> tuple[str, str, str, str]:
        found = self.server.kinds.named(kind)
        return found.group, found.plural, namespace if found.namespaced else "", name
