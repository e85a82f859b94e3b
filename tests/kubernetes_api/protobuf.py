"""The two documents that kubectl sends as Protocol Buffers whatever it is told: the self reviews.

A body is `k8s`, a zero byte and a runtime.Unknown; field numbers are those of
k8s.io/api/authorization/v1/generated.proto.
"""

from typing import Any

from tests.kubernetes_api.refusals import RefusalError

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_RESOURCE = ("namespace", "verb", "group", "version", "resource", "subresource", "name")
_OTHER = ("path", "verb")


def review(kind: str, raw: bytes) -> dict[str, Any]:
    """Reads a SelfSubjectAccessReview or a SelfSubjectRulesReview."""
    if not raw.startswith(_MAGIC):
        raise RefusalError(400, "the object provided is unrecognized: no Protocol Buffers")
    document = _fields(_fields(raw[len(_MAGIC) :])[2])
    spec = _fields(document.get(2, b""))
    if kind == "SelfSubjectRulesReview":
        return {"spec": {"namespace": spec.get(1, b"").decode()}}
    if 1 in spec:
        return {"spec": {"resourceAttributes": _texts(spec[1], _RESOURCE)}}
    return {"spec": {"nonResourceAttributes": _texts(spec.get(2, b""), _OTHER)}}


def _texts(raw: bytes, names: tuple[str, ...]) -> dict[str, str]:
    found = _fields(raw)
    return {name: found[n].decode() for n, name in enumerate(names, start=1) if n in found}


def _fields(raw: bytes) -> dict[int, bytes]:
    """Returns the length-delimited fields of a message by number."""
    fields, at = {}, 0
    while at < len(raw):
        tag, at = _number(raw, at)
        if tag & 7 != 2:
            _, at = _number(raw, at)
            continue
        size, at = _number(raw, at)
        fields[tag >> 3] = raw[at : at + size]
        at += size
    return fields


def _number(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
