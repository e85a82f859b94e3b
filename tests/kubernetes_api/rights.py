"""RBAC: what the rules of a Role grant, and the reviews by which a client asks about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.kubernetes_api.kinds import REVIEWS
from tests.kubernetes_api.refusals import forbidden
from tests.kubernetes_api.targets import Target

Rule = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One question to RBAC; `resource` is `pods/log` for a subresource."""

    verb: str
    group: str
    resource: str
    namespace: str
    name: str


class Rights:
    """What may be done now; everything, until somebody grants less."""

    def __init__(self) -> None:
        """Permits everything."""
        self.user = "kubernetes-admin"
        self._rules: list[Rule] | None = None
        self._namespace = ""

    def grant(self, rules: Iterable[Rule] | None, namespace: str, user: str) -> None:
        """Grants what rules grant in a namespace, everywhere if it is empty; None is everything."""
        self._rules = None if rules is None else list(rules)
        self._namespace, self.user = namespace, user

    def check(self, target: Target, verb: str = "") -> None:
        """Refuses what is not granted.

        Raises:
            RefusalError: 403.
        """
        wanted = verb or target.verb
        kind = target.kind
        asked = Asked(wanted, kind.group, target.resource, target.namespace, target.name)
        if kind.kind not in REVIEWS and not self.allows(asked):
            names = {"name": target.name, "namespace": target.namespace}
            raise forbidden(self.user, wanted, kind.group, target.resource, **names)

    def allows(self, asked: Asked) -> bool:
        """Tells whether something is granted."""
        if self._rules is None:
            return True
        if self._namespace and asked.namespace != self._namespace:
            return False
        return any(_grants(rule, asked) for rule in self._rules)

    def review(self, kind: str, document: dict[str, Any]) -> dict[str, Any]:
        """Answers a SelfSubjectAccessReview or a SelfSubjectRulesReview."""
        spec = document.get("spec", {})
        if kind == "SelfSubjectRulesReview":
            return {**document, "status": self._rules_status(spec.get("namespace", ""))}
        attributes = spec.get("resourceAttributes")
        if attributes is None:
            return {**document, "status": {"allowed": self._rules is None}}
        resource = attributes.get("resource", "")
        if attributes.get("subresource"):
            resource += f"/{attributes['subresource']}"
        allowed = self.allows(
            Asked(
                attributes.get("verb", ""),
                attributes.get("group", ""),
                resource,
                attributes.get("namespace", ""),
                attributes.get("name", ""),
            )
        )
        return {**document, "metadata": {}, "status": {"allowed": allowed}}

    def _rules_status(self, namespace: str) -> dict[str, Any]:
        everything = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
        rules = everything if self._rules is None else self._rules
        if self._namespace and namespace != self._namespace:
            rules = []
        return {"resourceRules": rules, "nonResourceRules": [], "incomplete": False}


def _grants(rule: Rule, asked: Asked) -> bool:
    names = rule.get("resourceNames", [])
    return (
        _among(rule.get("verbs", []), asked.verb)
        and _among(rule.get("apiGroups", []), asked.group)
        and _among(rule.get("resources", []), asked.resource)
        and (not names or asked.name in names)
    )


def _among(granted: list[str], wanted: str) -> bool:
    return wanted in granted or "*" in granted
