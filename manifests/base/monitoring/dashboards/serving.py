"""The dashboard of the endpoint: who asks, how fast and how well it answers."""

import panels
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from panels import MODEL, VERSION, Panels, figure, graph

_BY_MODEL = "namespace, model_name"
_BY_VERSION = "model_name, model_version"
_NAMED = "{{model_name}}"
_VERSIONED = "{{model_name}} {{model_version}}"


def dashboard() -> Dashboard:
    """Builds it."""
    text = "Traffic, errors, latency and their objectives, by model and version."
    board = panels.dashboard("kubeloop-serving", "Kubeloop: serving", text, by_model=True)
    for title, shown in (
        ("Objectives: 99.9 % answered, 99 % within serve.latency_ms", _objectives()),
        ("Requests", _requests()),
        ("Rows and events", _rows()),
    ):
        board = board.with_row(Row(title))
        for panel in shown:
            board = board.with_panel(panel)
    return board


def _objectives() -> Panels:
    errors, requests = "kubeloop:request_errors:rate5m", "kubeloop:requests:rate5m"
    burn = "sum_over_time({0}{{{2}}}[{3}]) / sum_over_time({1}{{{2}}}[{3}]) / 0.001"
    return (
        figure(
            "In service",
            "Versions that say they are served, and by how many pods.",
            "short",
            (
                f"count by (model_name, model_version) (kubeloop_model_info{{{VERSION}}})",
                _VERSIONED,
            ),
            [(None, "green")],
        ),
        figure(
            "Failed, of the last day",
            "Share of requests answered with 5xx; the objective is 0.1 %.",
            "percentunit",
            (
                f"sum_over_time({errors}{{{MODEL}}}[1d]) "
                f"/ sum_over_time({requests}{{{MODEL}}}[1d])",
                _NAMED,
            ),
            [(None, "green"), (0.001, "orange"), (0.0144, "red")],
        ),
        graph(
            "Error budget burn",
            "How many times too fast the month's budget is spent. Alerts: 14.4 in an "
            "hour, 6 in six hours, 3 in a day.",
            "short",
            [
                (burn.format(errors, requests, MODEL, window), f"{_NAMED} {window}")
                for window in ("1h", "6h", "1d")
            ],
        ),
    )


def _requests() -> Panels:
    buckets = f"kubeloop_request_duration_seconds_bucket{{{VERSION}}}"
    quantile = "histogram_quantile({0}, sum by (le, {1}) (rate({2}[$__rate_interval])))"
    return (
        graph(
            "Requests",
            "By status; gRPC's are counted by their HTTP equivalent.",
            "reqps",
            [
                (
                    f"sum by ({_BY_VERSION}, code) "
                    f"(rate(kubeloop_requests_total{{{VERSION}}}[$__rate_interval]))",
                    f"{_VERSIONED} {{{{code}}}}",
                )
            ],
        ),
        graph(
            "Latency",
            "From a request's last byte to its answer, and the spec's serve.latency_ms, which 99 % "
            "of the requests should keep.",
            "s",
            [
                (quantile.format(0.5, _BY_VERSION, buckets), f"{_VERSIONED} median"),
                (quantile.format(0.99, _BY_VERSION, buckets), f"{_VERSIONED} p99"),
                (
                    f"max by ({_BY_MODEL}) "
                    f"(kubeloop_request_duration_threshold_seconds{{{VERSION}}})",
                    f"{_NAMED} limit",
                ),
            ],
        ),
        graph(
            "In flight",
            "Requests being read or answered.",
            "short",
            [(f"sum by ({_BY_VERSION}) (kubeloop_requests_in_flight{{{VERSION}}})", _VERSIONED)],
        ),
        graph(
            "Against yesterday",
            "Requests in half an hour, and those of the same half hour a day and a week before.",
            "short",
            [
                (f"kubeloop:requests:increase30m{{{MODEL}}}", _NAMED),
                (f"kubeloop:requests:increase30m{{{MODEL}}} offset 1d", f"{_NAMED} yesterday"),
                (f"kubeloop:requests:increase30m{{{MODEL}}} offset 1w", f"{_NAMED} a week ago"),
            ],
        ),
    )


def _rows() -> Panels:
    rate = "sum by ({0}) (rate({1}{{{2}}}[$__rate_interval]))"
    return (
        graph(
            "Answers",
            "Rows by the label that was predicted.",
            "short",
            [
                (
                    rate.format(f"{_BY_VERSION}, label", "kubeloop_predictions_total", VERSION),
                    f"{_VERSIONED} {{{{label}}}}",
                )
            ],
        ),
        graph(
            "Invalid values",
            "Values that break the signature, or that training never saw.",
            "short",
            [
                (
                    rate.format(
                        f"{_BY_VERSION}, feature, reason", "kubeloop_invalid_values_total", VERSION
                    ),
                    "{{feature}} {{reason}}",
                )
            ],
        ),
        graph(
            "Rows answered, and rows that the monitor holds",
            "Two lines that lie on one another; a gap is rows that nobody watches.",
            "short",
            [
                (
                    rate.format(_BY_VERSION, "kubeloop_rows_total", VERSION),
                    f"{_VERSIONED} answered",
                ),
                (
                    f"max by ({_BY_VERSION}) "
                    f"(rate(kubeloop_monitor_predictions_total{{{VERSION}}}[$__rate_interval]))",
                    f"{_VERSIONED} held",
                ),
            ],
        ),
        graph(
            "Events dropped",
            "That never reached the monitor: it was away or slow.",
            "short",
            [(rate.format(_BY_VERSION, "kubeloop_events_dropped_total", VERSION), _VERSIONED)],
        ),
    )
