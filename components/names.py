"""Names as Kubernetes and the registries of images take them, each told by one rule."""

import re
from typing import Final

# RFC 1123 as k8s.io/apimachinery has it (pkg/util/validation: IsDNS1123Label, 63 characters, and
# IsDNS1123Subdomain, 253; a part of a subdomain has no limit of its own there).
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_PART_OF_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LONGEST_SUBDOMAIN: Final = 253
# The grammar of references (github.com/distribution/reference, regexp.go and Parse). A host that
# has no dot and no port is no different here from a first component, but for its letters.
_COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_DOMAIN: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST: Final = rf"(?:{_DOMAIN}(?:\.{_DOMAIN})*|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?"
_TAG: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
# Of the algorithms that an image may have, each with its length (opencontainers/go-digest).
_DIGEST: Final = r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}"
_IMAGE: Final = re.compile(
    rf"(?:{_HOST}/)?({_COMPONENT}(?:/{_COMPONENT})*)(?::{_TAG})?(?:@(?:{_DIGEST}))?"
)
_LONGEST_PATH: Final = 255
# A path, a host as DNS knows it (253), a port, a tag and a digest; what is longer is not looked at.
_LONGEST_IMAGE: Final = 800


def is_dns_label(name: str) -> bool:
    """Whether a name is a DNS label, as that of a namespace is."""
    return _LABEL.fullmatch(name) is not None


def is_dns_subdomain(name: str) -> bool:
    """Whether a name is a DNS subdomain, as that of a ServiceAccount is."""
    return len(name) <= _LONGEST_SUBDOMAIN and all(
        _PART_OF_SUBDOMAIN.fullmatch(part) for part in name.split(".")
    )


def is_image(reference: str) -> bool:
    """Whether a container runtime could pull an image by this reference."""
    match = _IMAGE.fullmatch(reference) if len(reference) <= _LONGEST_IMAGE else None
    return match is not None and len(match[1]) <= _LONGEST_PATH
