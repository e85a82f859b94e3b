"""The URLs that our own application answers, and what the head of a request for one says."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_IDS = ("ce-id", "x-request-id")

# KServe's routes end with "$", before which Python allows a line end.
INFER = re.compile(
    r"/v1/models/(?P<v1>[^/]+):predict\n?"
    r"|/v2/models/(?P<v2>[^/]+)(?:/versions/(?P<version>[^/]+))?/infer\n?"
)
PLAIN_URL = re.compile(rb"/[-A-Za-z0-9/:._~]*")
EXPLAIN = re.compile(r"/v1/models/[^/]+:explain\n?")
MANAGE = re.compile(
    r"/v2/repository/(?:models/(?P<name>[^/]+)/(?P<verb>load|unload)|(?:models/)?index)\n?"
)


@dataclass(frozen=True, slots=True)
class Head:
    """What the head of an inference request says; requests with equal heads share one.

    Attributes:
        protocol: v1 or v2.
        name: the model's name, as the URL has it.
        version: of the model, where the URL names one.
        headers: by lower-case name.
        ids: the request ids that the headers give, the first of them the most wanted.
    """

    protocol: str
    name: str
    version: str | None
    headers: dict[str, str]
    ids: tuple[str, ...]


def read_head(match: re.Match[str], headers: Iterable[tuple[bytes, bytes]]) -> Head:
    """Reads the head of an inference request.

    Args:
        match: of `INFER` with the path.
        headers: with lower-case names; of equal ones the last counts.
    """
    named = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    protocol = "v1" if match["v1"] is not None else "v2"
    ids = tuple(named[name] for name in _IDS if named.get(name))
    return Head(protocol, match["v1"] or match["v2"], match["version"], named, ids)
