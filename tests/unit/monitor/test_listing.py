from collections.abc import Callable

from components.monitor.listing import list_models
from components.monitor.totals import Content, Total
from components.monitor.versions import Version


def test_list_models_registered_and_not_added_up(version: Callable[..., Version]) -> None:
    noon = 1_795_176_000_000_000
    content = Content(
        (
            Total("churn", 3, False, 1, 1, 0, 0, noon, noon),
            Total("churn", 3, True, 2, 5, 4, 1, noon + 1, noon + 2),
            Total("other", 0, False, 2, 0, 0, 0, noon, noon),
        ),
        pending=0,
    )
    assert list_models(content, {("churn", 3): version(), ("churn", 4): version(4)}) == [
        {
            "name": "churn",
            "versions": [
                {
                    "version": 3,
                    "registered": True,
                    "task": "binary",
                    "events": 3,
                    "events_without_features": 1,
                    "predictions": 6,
                    "labelled": 4,
                    "duplicates": 1,
                    "first_event": "2026-11-20T12:00:00.000000Z",
                    "last_event": "2026-11-20T12:00:00.000002Z",
                },
                {
                    "version": 4,
                    "registered": True,
                    "task": "binary",
                    "events": 0,
                    "events_without_features": 0,
                    "predictions": 0,
                    "labelled": 0,
                    "duplicates": 0,
                    "first_event": None,
                    "last_event": None,
                },
            ],
        },
        {
            "name": "other",
            "versions": [
                {
                    "version": None,
                    "registered": False,
                    "task": None,
                    "events": 2,
                    "events_without_features": 2,
                    "predictions": 0,
                    "labelled": 0,
                    "duplicates": 0,
                    "first_event": "2026-11-20T12:00:00.000000Z",
                    "last_event": "2026-11-20T12:00:00.000000Z",
                }
            ],
        },
    ]
