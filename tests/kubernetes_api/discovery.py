"""Discovery: which groups, versions and resources there are, and as much OpenAPI as kubectl asks.

kubectl refuses to apply anything where it finds no OpenAPI document that says whether the server
validates fields, so each group version has one with the parameters of PATCH and no schemas.
"""

from collections import defaultdict
from typing import Any

from tests.kubernetes_api.kinds import REVIEWS, Kind, Kinds

VERSION = {
    "major": "1",
    "minor": "33",
    "gitVersion": "v1.33.0",
    "gitCommit": "0",
    "gitTreeState": "clean",
    "buildDate": "2025-04-23T10:00:00Z",
    "goVersion": "go1.24.2",
    "compiler": "gc",
    "platform": "linux/amd64",
}
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


def discover(path: str, kinds: Kinds) -> Any:
    """Answers a path that names no resource.

    Args:
        path: of the request.
        kinds: what is served.

    Returns:
        The document, or the text; None for a path that there is not.
    """
    if path == "/version":
        return VERSION
    if path in ("/healthz", "/livez", "/readyz"):
        return "ok"
    parts = path.strip("/").split("/")
    if parts[:2] == ["openapi", "v3"]:
        return _openapi("/".join(parts[2:]), kinds)
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    if path == "/apis":
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": _groups(kinds)}
    if parts[0] == "apis" and len(parts) == 2:
        found = [group for group in _groups(kinds) if group["name"] == parts[1]]
        return {"kind": "APIGroup", "apiVersion": "v1", **found[0]} if found else None
    if parts == ["api", "v1"]:
        return _resources("v1", kinds)
    if parts[0] == "apis" and len(parts) == 3:
        return _resources("/".join(parts[1:]), kinds)
    return None


def _groups(kinds: Kinds) -> list[dict[str, Any]]:
    versions: dict[str, list[str]] = defaultdict(list)
    for kind in kinds.all():
        if kind.group and kind.version not in versions[kind.group]:
            versions[kind.group].append(kind.version)
    groups = []
    for group, names in versions.items():
        listed = [{"groupVersion": f"{group}/{name}", "version": name} for name in names]
        groups.append({"name": group, "versions": listed, "preferredVersion": listed[0]})
    return groups


def _resources(api_version: str, kinds: Kinds) -> dict[str, Any] | None:
    mine = [kind for kind in kinds.all() if kind.api_version == api_version]
    if not mine:
        return None
    listed = [entry for kind in mine for entry in _entries(kind)]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": api_version,
        "resources": listed,
    }


def _entries(kind: Kind) -> list[dict[str, Any]]:
    entry = {
        "name": kind.plural,
        "singularName": kind.kind.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": ["create"] if kind.kind in REVIEWS else _VERBS,
        **({"shortNames": list(kind.short)} if kind.short else {}),
    }
    below = [
        {
            "name": f"{kind.plural}/{name}",
            "singularName": "",
            "namespaced": kind.namespaced,
            "kind": "Scale" if name == "scale" else kind.kind,
            "verbs": ["get"] if name == "log" else ["get", "patch", "update"],
        }
        for name in kind.subresources
    ]
    return [entry, *below]


def _openapi(path: str, kinds: Kinds) -> dict[str, Any] | None:
    if not path:
        found = {_openapi_path(kind) for kind in kinds.all()}
        return {"paths": {p: {"serverRelativeURL": f"/openapi/v3/{p}?hash=0"} for p in found}}
    mine = [kind for kind in kinds.all() if _openapi_path(kind) == path]
    if not mine:
        return None
    names = ("dryRun", "fieldManager", "fieldValidation", "force")
    parameters = [
        {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
        for name in names
    ]
    paths = {}
    for kind in mine:
        patch = {
            "parameters": parameters,
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-action": "patch",
            "x-kubernetes-group-version-kind": {
                "group": kind.group,
                "version": kind.version,
                "kind": kind.kind,
            },
        }
        space = "namespaces/{namespace}/" if kind.namespaced else ""
        paths[f"/{path}/{space}{kind.plural}/{{name}}"] = {"patch": patch}
    info = {"title": "Kubernetes", "version": VERSION["gitVersion"]}
    return {"openapi": "3.0.0", "info": info, "paths": paths}


def _openapi_path(kind: Kind) -> str:
    return f"apis/{kind.api_version}" if kind.group else "api/v1"
