"""A Lease as it lies in the cluster: its name, and who holds it."""

import time
from datetime import UTC, datetime
from typing import Any

Document = dict[str, Any]

# No two clocks of a cluster are that far apart: its certificates and tokens would not hold.
_LONG_AGO_S = 300.0


def lease_name(model: str) -> str:
    """What the Lease of a model is called."""
    return f"kubeloop-{model}"


def holder_of(document: Document | None) -> str:
    """Who holds a Lease now; empty where nobody does, or nobody has renewed it for long."""
    if document is None or is_free(document, time.monotonic(), ""):
        return ""
    return str((document.get("spec") or {}).get("holderIdentity", ""))


def is_free(found: Document, since: float, seen: str) -> bool:
    """Whether nobody holds a Lease: it was given back, or has not been renewed.

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
    unchanged = seen == f"{holder} {renewed}" and time.monotonic() - since > duration
    return unchanged or _age(renewed) > max(_LONG_AGO_S, 10 * duration)


def _age(moment: str) -> float:
    try:
        then = datetime.fromisoformat(moment)
    except ValueError:
        return 0.0
    return (datetime.now(UTC) - then).total_seconds()
