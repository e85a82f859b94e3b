"""A Lease as it lies in the cluster: its name, and who holds it."""

import time
from datetime import UTC, datetime
from typing import Any

from components.deploy.kserve.pace import CLOCKS_APART_S

Document = dict[str, Any]


def lease_name(model: str) -> str:
    """What the Lease of a model is called."""
    return f"kubeloop-{model}"


def holder_of(document: Document | None) -> str:
    """Who holds a Lease, as one look can say: empty where nobody does or has renewed it for long.

    It believes the holder's clock, so it is for words only; who takes a Lease asks `is_free`.
    """
    spec = (document or {}).get("spec") or {}
    duration = float(spec.get("leaseDurationSeconds") or 0)
    if _age(str(spec.get("renewTime") or "")) > max(CLOCKS_APART_S, 10 * duration):
        return ""
    return str(spec.get("holderIdentity") or "")


def occupied(document: Document | None) -> str:
    """Says who holds a Lease, for people who wait for its end."""
    if document is None:
        return "it was quicker"
    metadata, spec = document["metadata"], document.get("spec") or {}
    seconds = float(spec.get("leaseDurationSeconds") or 0)
    return (
        f"{spec.get('holderIdentity')!r} holds the Lease {metadata.get('name')!r} in namespace "
        f"{metadata.get('namespace')!r}, which is free {seconds:g} s after one that was killed"
    )


def is_free(found: Document, since: float, seen: str) -> bool:
    """Whether nobody holds a Lease: it was given back, or was not seen to change for its duration.

    The time that stands in it is compared with what stood there before, never with a clock: that
    of its holder may be wrong by any amount (client-go's leader election does the same).

    Args:
        found: the Lease.
        since: when it was first seen as it is, by `time.monotonic()`.
        seen: holder and time of renewal as they were seen then.
    """
    spec = found.get("spec") or {}
    holder, renewed = spec.get("holderIdentity"), str(spec.get("renewTime") or "")
    if not holder or not renewed:
        return True
    duration = float(spec.get("leaseDurationSeconds") or 0)
    return seen == f"{holder} {renewed}" and time.monotonic() - since > duration


def taken(document: Document, holder: str, duration_s: float) -> Document:
    """A Lease as its next holder writes it, with all else that it says left as it is."""
    before, now = document.get("spec") or {}, moment()
    spec = {
        "holderIdentity": holder,
        "leaseDurationSeconds": max(1, round(duration_s)),
        "acquireTime": now,
        "renewTime": now,
        "leaseTransitions": int(before.get("leaseTransitions") or 0) + 1,
    }
    return document | {"spec": before | spec}


def moment() -> str:
    """Now, as a Lease says it: UTC, to the microsecond."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _age(written: str) -> float:
    try:
        then = datetime.fromisoformat(written)
    except ValueError:
        return 0.0
    return (datetime.now(UTC) - then).total_seconds()
