"""What a request is about: its path and method as RBAC's attributes."""

from dataclasses import dataclass

from tests.kubernetes_api.http_server import Request
from tests.kubernetes_api.kinds import Kind, Kinds
from tests.kubernetes_api.refusals import RefusalError
from tests.kubernetes_api.store import Key

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "GET": "get", "DELETE": "delete"}


@dataclass(frozen=True)
class Target:
    """A resource, or the resources of a kind.

    Attributes:
        kind: of them.
        namespace: "" for all, or where there is none.
        name: "" for all.
        subresource: "" for the resource itself.
        verb: what is done.
    """

    kind: Kind
    namespace: str
    name: str
    subresource: str
    verb: str

    @property
    def key(self) -> Key:
        """Returns where it is stored."""
        return self.kind.group, self.kind.plural, self.namespace, self.name

    @property
    def resource(self) -> str:
        """Returns the plural, and the subresource if there is one."""
        return f"{self.kind.plural}/{self.subresource}" if self.subresource else self.kind.plural


def target_of(request: Request, kinds: Kinds) -> Target | None:
    """Reads a request's path; None for what is no resource, such as discovery.

    Raises:
        RefusalError: 404, no such resource type; 405, no such method.
    """
    parts = request.path.strip("/").split("/")
    if parts[:2] == ["api", "v1"] and len(parts) > 2:
        group, version, rest = "", "v1", parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    kind = kinds.find(group, version, rest[0])
    name, subresource = (*rest[1:3], "", "")[:2]
    # What follows a proxy is a path of whom it passes the request on to.
    beyond = len(rest) > 3 and subresource != "proxy"
    if beyond or (subresource and subresource not in (*kind.subresources, "finalize")):
        raise RefusalError(404)
    if request.method not in _VERBS:
        raise RefusalError(405)
    verb = _VERBS[request.method]
    if not name and verb in ("get", "delete"):
        watched = request.flag("watch")
        verb = ("watch" if watched else "list") if verb == "get" else "deletecollection"
    return Target(kind, namespace, name, subresource, verb)
