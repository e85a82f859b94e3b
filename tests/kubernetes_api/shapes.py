"""Which lists are sets or maps: what the schemas say with x-kubernetes-list-type, by field name.

Any other list is atomic: it is written, owned and compared as a whole. An InferenceService's
`containers` and `canary` are atomic too.
"""

from typing import Any

_MAPS: dict[str, tuple[str, ...]] = {
    "env": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
    "imagePullSecrets": ("name",),
    "resourceClaims": ("name",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
# Only in Kubernetes's own kinds.
_NATIVE_MAPS = {
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "hostAliases": ("ip",),
}
_SETS = ("finalizers",)


def keys_of(name: str, items: list[Any], *, native: bool = True) -> tuple[str, ...]:
    """Returns the keys of a list's items: () for an atomic list, ("",) for a set.

    Args:
        name: the field's.
        items: of the list; they tell a Service's ports from a container's.
        native: whether the kind is one of Kubernetes's own.
    """
    if name in _SETS:
        return ("",)
    keys = _MAPS.get(name, _NATIVE_MAPS.get(name, ()) if native else ())
    if name == "ports":
        inner = any(isinstance(item, dict) and "containerPort" in item for item in items)
        keys = ("containerPort", "protocol") if inner else ("port", "protocol")
    if keys and not all(isinstance(item, dict) and keys[0] in item for item in items):
        return ()
    return keys
