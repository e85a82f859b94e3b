"""What is asked of a cluster: kinds of resources, and one call as RBAC and a sentence name it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Resource:
    """A kind of resource, as URLs name it.

    Attributes:
        plural: such as `pods`.
        group: empty for the core group.
        version: of the group.
    """

    plural: str
    group: str = ""
    version: str = "v1"

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        """The path of a collection, of one resource, or of a part of it."""
        base = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [base, "namespaces", namespace, self.plural, name, subresource]
        return "/".join(part for part in parts if part)


@dataclass(frozen=True)
class Call:
    """One call, as a sentence names it.

    Attributes:
        verb: as RBAC names it: get, list, create, update, patch, delete.
        resource: of what kind.
        namespace: where.
        name: of which one; empty for all of them.
        subresource: such as `log`.
    """

    verb: str
    resource: Resource
    namespace: str
    name: str = ""
    subresource: str = ""

    def __str__(self) -> str:
        """`patch inferenceservices.serving.kserve.io "churn" in namespace "models"`."""
        kind = f"{self.resource.plural}/{self.subresource}".rstrip("/")
        group = f".{self.resource.group}" if self.resource.group else ""
        name = f" {self.name!r}" if self.name else ""
        return f"{self.verb} {kind}{group}{name} in namespace {self.namespace!r}"


INFERENCE_SERVICES = Resource("inferenceservices", "serving.kserve.io", "v1beta1")
LEASES = Resource("leases", "coordination.k8s.io")
DEPLOYMENTS = Resource("deployments", "apps")
AUTOSCALERS = Resource("horizontalpodautoscalers", "autoscaling", "v2")
PODS = Resource("pods")
EVENTS = Resource("events")
SERVICES = Resource("services")
ROUTES = Resource("httproutes", "gateway.networking.k8s.io")
