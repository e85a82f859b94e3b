"""The dashboard of the monitor itself: what it takes, refuses and keeps."""

import panels
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from panels import SPACE, Panels, figure, graph


def dashboard() -> Dashboard:
    """Builds it."""
    text = "Whether events and labels arrive, and how the store keeps up."
    board = panels.dashboard("kubeloop-monitor", "Kubeloop: monitor", text, by_model=False)
    for title, shown in (("Events", _events()), ("Ground truth and alerts", _truth())):
        board = board.with_row(Row(title))
        for panel in shown:
            board = board.with_panel(panel)
    return board


def _rate(metric: str, *labels: str) -> str:
    """What every process counts by itself."""
    return f"sum by ({', '.join(labels)}) (rate({metric}{{{SPACE}}}[$__rate_interval]))"


def _stored(metric: str, *labels: str) -> str:
    """What replicas read from one store, so that each says the same."""
    kept = ", ".join(labels)
    return f"max by ({kept}) (rate({metric}{{{SPACE}}}[$__rate_interval]))"


def _events() -> Panels:
    buckets = f"rate(kubeloop_monitor_commit_seconds_bucket{{{SPACE}}}[$__rate_interval])"
    return (
        figure(
            "Version",
            "The code that collects.",
            "short",
            (
                f"count by (version, revision) (kubeloop_monitor_build_info{{{SPACE}}})",
                "{{version}} {{revision}}",
            ),
            [(None, "green")],
        ),
        figure(
            "Waiting",
            "Requests in the writer's queue; it sheds load before it is full.",
            "short",
            (f"sum(kubeloop_monitor_queue_requests{{{SPACE}}})", "requests"),
            [(None, "green")],
        ),
        figure(
            "Held",
            "Bytes of requests that are not answered yet.",
            "bytes",
            (f"sum(kubeloop_monitor_held_bytes{{{SPACE}}})", "bytes"),
            [(None, "green")],
        ),
        figure(
            "Labels that wait",
            "For a prediction that has not come.",
            "short",
            (f"max(kubeloop_monitor_feedback_pending{{{SPACE}}})", "labels"),
            [(None, "green")],
        ),
        graph(
            "Events stored",
            "By model, version and type.",
            "short",
            [
                (
                    _stored("kubeloop_events_total", "model_name", "model_version", "type"),
                    "{{model_name}} {{model_version}} {{type}}",
                ),
                (
                    _stored(
                        "kubeloop_monitor_events_duplicate_total", "model_name", "model_version"
                    ),
                    "{{model_name}} {{model_version}} came again",
                ),
            ],
        ),
        graph(
            "Events rejected",
            "Requests that were refused whole, by reason.",
            "short",
            [(_rate("kubeloop_events_rejected_total", "reason"), "{{reason}}")],
        ),
        graph(
            "Commit",
            "Seconds from a group's first write to its commit on the disk.",
            "s",
            [
                (f"histogram_quantile({q}, sum by (le) ({buckets}))", f"quantile {q}")
                for q in (0.5, 0.99)
            ],
        ),
        graph(
            "Requests that wait",
            "In the writer's queue, by pod.",
            "short",
            [(f"kubeloop_monitor_queue_requests{{{SPACE}}}", "{{pod}}{{instance}}")],
        ),
    )


def _truth() -> Panels:
    return (
        graph(
            "Labels",
            "By what became of them.",
            "short",
            [(_rate("kubeloop_monitor_feedback_total", "result"), "{{result}}")],
        ),
        graph(
            "Alerts from Alertmanager",
            "Taken, and refused requests by reason.",
            "short",
            [
                (_rate("kubeloop_monitor_alerts_total", "status"), "{{status}}"),
                (_rate("kubeloop_monitor_alerts_rejected_total", "reason"), "refused: {{reason}}"),
            ],
        ),
        graph(
            "Notifications",
            "Sentences for people.",
            "short",
            [(_rate("kubeloop_monitor_notifications_total", "result"), "{{result}}")],
        ),
    )
