"""The Kubernetes API as deployment uses it: few verbs, safe to repeat, failing in words."""

import json
from collections.abc import Callable
from typing import Any

from components.deploy.kserve.cluster_errors import (
    ApiError,
    names_what_is_missing,
    refusal,
)
from components.deploy.kserve.cluster_resources import PODS, SERVICES, Call, Resource
from components.deploy.kserve.cluster_transport import Transport

Document = dict[str, Any]

FIELD_MANAGER = "kubeloop-deploy"
_APPLY = "application/apply-patch+yaml"
_PAGE = 500
# How often a list that grew too old between two pages is begun anew. A page takes far less than the
# 5 minutes for which a server keeps one.
_RESTARTS = 3


def _nothing() -> None:
    """What is to be known before a call is repeated that anybody may make at any time."""


class ClusterApi:
    """A cluster's API server.

    Args:
        transport: reaches it.
    """

    def __init__(self, transport: Transport) -> None:
        """Keeps the way to it; nothing is asked yet."""
        self._transport = transport

    def get(self, resource: Resource, namespace: str, name: str) -> Document | None:
        """Reads one resource; None where it is not there.

        Raises:
            ApiError: the cluster does not know the kind, of status 404; or it refused.
        """
        call = Call("get", resource, namespace, name)
        path = resource.path(namespace, name)
        status, text = self._transport.ask(call, "GET", path, tolerated=(404,))
        if status == 404 and not names_what_is_missing(text):
            raise refusal(call, status, text)
        if status == 404:
            return None
        found = _parsed(call, status, text)
        if not isinstance(found.get("metadata"), dict):
            raise refusal(call, status, text)
        return found

    def find(self, resource: Resource, namespace: str, name: str) -> tuple[bool, Document | None]:
        """Reads one resource of a kind that the cluster may not know; says whether it does."""
        try:
            return True, self.get(resource, namespace, name)
        except ApiError as exc:
            if exc.status != 404:
                raise
            return False, None

    def list(
        self, resource: Resource, namespace: str, *, labels: str = "", fields: str = ""
    ) -> list[Document]:
        """Reads all resources that selectors choose, page by page."""
        call = Call("list", resource, namespace)
        chosen = {"labelSelector": labels, "fieldSelector": fields, "limit": _PAGE}
        query = {key: value for key, value in chosen.items() if value}
        found: list[Document] = []
        token, restarts = "", 0
        while True:
            page = query | ({"continue": token} if token else {})
            status, text = self._transport.ask(
                *(call, "GET", resource.path(namespace)),
                query=page,
                tolerated=(410,) if token and restarts < _RESTARTS else (),
            )
            if status == 410:
                # The list grew too old between two pages: from the start, without the first ones.
                found, token, restarts = [], "", restarts + 1
                continue
            answer = _parsed(call, status, text)
            if not _is_list(answer):
                raise refusal(call, status, text)
            found += answer["items"] or []
            token = (answer.get("metadata") or {}).get("continue") or ""
            if not token:
                return found

    def create(self, resource: Resource, namespace: str, body: Document) -> Document:
        """Creates a resource.

        Raises:
            ApiError: of reason `AlreadyExists` where it is there, be it from the same call, whose
                first answer was lost.
        """
        call = Call("create", resource, namespace, body["metadata"]["name"])
        query = {"fieldManager": FIELD_MANAGER}
        return self._sent(call, "POST", resource.path(namespace), body, query=query)

    def replace(self, resource: Resource, namespace: str, name: str, body: Document) -> Document:
        """Replaces a resource of the version that the body names.

        Raises:
            ApiError: of reason `Conflict` where it changed meanwhile.
        """
        call = Call("update", resource, namespace, name)
        query = {"fieldManager": FIELD_MANAGER}
        return self._sent(call, "PUT", resource.path(namespace, name), body, query=query)

    def apply(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Document,
        *,
        force: bool = False,
        again: Callable[[], None] = _nothing,
    ) -> Document:
        """Applies a resource server-side; creates it where it is not there.

        Args:
            resource: of what kind.
            namespace: where.
            name: of which one.
            body: what to apply; without a `resourceVersion` it goes over whatever is there.
            force: whether fields of others are taken over.
            again: see `Transport.ask`.

        Raises:
            ApiError: of reason `Conflict` where others own a field (`causes` says who), or where it
                changed meanwhile.
        """
        call = Call("patch", resource, namespace, name)
        query = {"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"}
        path = resource.path(namespace, name)
        return self._sent(call, "PATCH", path, body, query=query, content=_APPLY, again=again)

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        uid: str,
        *,
        again: Callable[[], None] = _nothing,
    ) -> None:
        """Deletes that very resource and all it owns; nothing, where it is gone."""
        call = Call("delete", resource, namespace, name)
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        }
        path = resource.path(namespace, name)
        self._document(call, "DELETE", path, body=body, absent=True, again=again)

    def log(self, namespace: str, pod: str, container: str, *, previous: bool, lines: int) -> str:
        """Reads the last lines of a container's log; empty where there is none to read."""
        call = Call("get", PODS, namespace, pod, "log")
        query = {"container": container, "tailLines": lines, "limitBytes": 20_000}
        if previous:
            query["previous"] = "true"
        status, text = self._transport.ask(
            call, "GET", PODS.path(namespace, pod, "log"), query=query, tolerated=(400, 404)
        )
        return text if status < 400 else ""

    def ask(self, namespace: str, service: str, path: str, body: Document) -> Document:
        """Posts JSON to a Service (`name:port`) through the API server's proxy, once.

        Raises:
            ApiError: the server refused, with a reason of Kubernetes; or nobody behind it answered,
                or somebody with an error.
        """
        call = Call("create", SERVICES, namespace, service, "proxy")
        where = SERVICES.path(namespace, service, "proxy") + path
        return self._sent(call, "POST", where, body, relayed=True)

    def _sent(self, call: Call, method: str, path: str, body: Document, **how: Any) -> Document:
        answer = self._document(call, method, path, body=body, **how)
        if answer is None:
            raise AssertionError(str(call))
        return answer

    def _document(
        self,
        call: Call,
        method: str,
        path: str,
        *,
        absent: bool = False,
        **how: Any,
    ) -> Document | None:
        """Calls and reads JSON; None where what is asked for may be absent, and is."""
        tolerated = (404,) if absent else ()
        status, text = self._transport.ask(call, method, path, tolerated=tolerated, **how)
        return None if status >= 400 else _parsed(call, status, text)


def _is_list(answer: Document) -> bool:
    items = answer.get("items", "")
    # Go writes a list that was never filled as null.
    return (
        isinstance(items, list | None)
        and all(isinstance(one, dict) for one in items or ())
        and isinstance(answer.get("metadata"), dict | None)
    )


def _parsed(call: Call, status: int, text: str) -> Document:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise refusal(call, status, text) from exc
    if not isinstance(document, dict):
        raise refusal(call, status, text)
    return document
