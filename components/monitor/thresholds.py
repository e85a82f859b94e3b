"""What a version's bundle says about how it is judged.

A bundle that was made before a key existed, or by somebody else, gets the key's default.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from components.monitor.versions import Version
from components.monitor.wire import is_number, parse_time

WINDOW: Final = 1000
PSI: Final = 0.2
LATENCY_MS: Final = 50.0
"""As `components.spec` has them, which is not in the monitor's image; a test compares them."""

LEAST_WINDOW: Final = 10


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What the spec limits of a version.

    Attributes:
        window: rows that are compared at a time, 10 or more: `monitor.window` of the spec.
        psi: population stability index, less its bias, above which drift is critical:
            `monitor.drift.psi`.
        latency: seconds that a request may take: `serve.latency_ms`.
        limits: metrics that `monitor.quality` limits.
        trained: when the version was trained, microseconds since 1970; None where unknown.
    """

    window: int = WINDOW
    psi: float = PSI
    latency: float = LATENCY_MS / 1000
    limits: int = 0
    trained: int | None = None


def read_thresholds(version: Version) -> Thresholds:
    """Reads how a version is judged.

    Args:
        version: as registered.

    Returns:
        Its thresholds; what the bundle lacks, or holds of another type, is the default.
    """
    return _read(version.bundle)


# A scrape asks for every version, and their texts do not change.
@lru_cache(maxsize=256)
def _read(text: str) -> Thresholds:
    bundle = json.loads(text)
    spec = _mapping(bundle.get("spec"))
    section = _mapping(spec.get("monitor"))
    latency = _mapping(spec.get("serve")).get("latency_ms")
    window = section.get("window")
    psi = _mapping(section.get("drift")).get("psi")
    return Thresholds(
        window=window if type(window) is int and window >= LEAST_WINDOW else WINDOW,
        psi=float(psi) if is_number(psi) and psi > 0 else PSI,
        latency=float(latency if is_number(latency) and latency > 0 else LATENCY_MS) / 1000,
        limits=len(_mapping(section.get("quality"))),
        trained=parse_time(bundle.get("trained_at")),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
