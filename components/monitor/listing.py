"""The JSON of `/v1/models`: what is stored of each model and version."""

from collections import defaultdict
from typing import Any

from components.monitor.totals import Content, Total
from components.monitor.versions import Version, Versions
from components.monitor.wire import format_time


def list_models(content: Content, versions: Versions) -> list[dict[str, Any]]:
    """Lists models by name, and their versions by number.

    Args:
        content: of the store.
        versions: the registered versions.

    Returns:
        `{"name", "versions": [{"version", "registered", "task", "events",
        "events_without_features", "predictions", "labelled", "duplicates", "first_event",
        "last_event"}]}` for each; the version is null for events that do not name one, the times
        are RFC 3339 in UTC by the senders' clocks, null without events.
    """
    found: dict[str, dict[int, list[Total]]] = defaultdict(dict)
    for model, number in tuple(versions):
        found[model][number] = []
    for total in content.totals:
        found[total.model].setdefault(total.version, []).append(total)
    return [
        {
            "name": model,
            "versions": [
                _describe(number, totals, versions.get((model, number)))
                for number, totals in sorted(numbers.items())
            ],
        }
        for model, numbers in sorted(found.items())
    ]


def _describe(number: int, totals: list[Total], version: Version | None) -> dict[str, Any]:
    firsts = [total.first_time for total in totals if total.first_time is not None]
    lasts = [total.last_time for total in totals if total.last_time is not None]
    return {
        "version": number or None,
        "registered": version is not None,
        "task": version.task if version else None,
        "events": sum(total.events for total in totals),
        "events_without_features": sum(t.events for t in totals if not t.registered),
        "predictions": sum(total.predictions for total in totals),
        "labelled": sum(total.labelled for total in totals),
        "duplicates": sum(total.duplicates for total in totals),
        "first_event": format_time(min(firsts, default=None)),
        "last_event": format_time(max(lasts, default=None)),
    }
