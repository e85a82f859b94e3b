"""The dashboard of the models: drift, quality, labels, and what was trained because of them."""

import panels
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from panels import MODEL, VERSION, Panels, figure, graph, listing

_BY_VERSION = "model_name, model_version"
_VERSIONED = "{{model_name}} {{model_version}}"
_LEVELS = [(None, "green"), (1, "orange"), (2, "red")]


def dashboard() -> Dashboard:
    """Builds it."""
    text = "What a model sees and answers against what it was trained on, and what came of it."
    board = panels.dashboard("kubeloop-model", "Kubeloop: models", text, by_model=True)
    for title, shown in (
        ("Verdicts", _verdicts()),
        ("Drift", _drift()),
        ("Quality", _quality()),
        ("Labels and retraining", _loop()),
    ):
        board = board.with_row(Row(title))
        for panel in shown:
            board = board.with_panel(panel)
    return board


def _all(metric: str, *labels: str) -> str:
    """A metric of the monitor, once for all its replicas."""
    by = ", ".join((_BY_VERSION, *labels))
    return f"max by ({by}) ({metric}{{{VERSION}}})"


def _verdicts() -> Panels:
    return (
        figure(
            "Drift",
            "0 well, 1 warning, 2 critical; of the newest rows and of the last day.",
            "short",
            (_all("kubeloop_drift_level", "window"), f"{_VERSIONED} {{{{window}}}}"),
            _LEVELS,
        ),
        figure(
            "Quality",
            "0 well, 1 warning, 2 critical.",
            "short",
            (_all("kubeloop_model_quality_level", "metric"), f"{_VERSIONED} {{{{metric}}}}"),
            _LEVELS,
        ),
        figure(
            "Rows judged",
            "Of the latest verdict on drift; monitor.window at least.",
            "short",
            (_all("kubeloop_drift_window_rows"), _VERSIONED),
            [(None, "blue")],
        ),
        figure(
            "Trained",
            "When the version was trained.",
            "dateTimeFromNow",
            (f"{_all('kubeloop_model_trained_timestamp_seconds')} * 1000", _VERSIONED),
            [(None, "blue")],
        ),
    )


def _drift() -> Panels:
    worst = f"topk(12, {_all('kubeloop_feature_psi', 'feature')})"
    return (
        graph(
            "Stability index of the features",
            "The twelve highest; about 0 without drift. Above the limit, monitor.drift.psi, a "
            "feature has drifted critically.",
            "short",
            [
                (worst, f"{_VERSIONED} {{{{feature}}}}"),
                (_all("kubeloop_feature_psi_threshold"), f"{_VERSIONED} limit"),
                (_all("kubeloop_feature_psi_warning"), f"{_VERSIONED} warning"),
            ],
            span=16,
        ),
        listing(
            "Drifted features",
            "Their stability index now.",
            [
                (
                    f"sort_desc({_all('kubeloop_feature_psi', 'feature')} "
                    f"and {_all('kubeloop_feature_drifted', 'feature')} == 1)",
                    "index",
                )
            ],
            span=8,
        ),
        graph(
            "Share of drifted features",
            "At the limit the rows as a whole have drifted.",
            "percentunit",
            [
                (_all("kubeloop_drifted_features_ratio"), _VERSIONED),
                (_all("kubeloop_drifted_features_ratio_threshold"), f"{_VERSIONED} limit"),
            ],
        ),
        graph(
            "Stability index of the answers",
            "Against training, and against the version before.",
            "short",
            [
                (_all("kubeloop_prediction_psi"), _VERSIONED),
                (_all("kubeloop_prediction_previous_psi"), f"{_VERSIONED} to the one before"),
                (_all("kubeloop_feature_psi_threshold"), f"{_VERSIONED} limit"),
            ],
        ),
        graph(
            "p-values of the features",
            "The twelve lowest; below the limit it is no accident.",
            "short",
            [
                (
                    f"bottomk(12, {_all('kubeloop_feature_drift_p_value', 'feature')})",
                    f"{_VERSIONED} {{{{feature}}}}",
                ),
                (_all("kubeloop_prediction_drift_p_value"), f"{_VERSIONED} answers"),
                (_all("kubeloop_feature_drift_p_value_threshold"), f"{_VERSIONED} limit"),
            ],
        ),
        graph(
            "Missing, unseen and out of range",
            "Shares of rows, of the features with the most.",
            "percentunit",
            [
                (
                    f"topk(5, {_all(f'kubeloop_feature_{what}_ratio', 'feature')})",
                    f"{{{{feature}}}} {what.replace('_', ' ')}",
                )
                for what in ("missing", "unseen", "out_of_range")
            ],
        ),
    )


def _quality() -> Panels:
    metric = f"{_VERSIONED} {{{{metric}}}}"
    return (
        graph(
            "Quality on labelled rows",
            "With its 95 % interval, the spec's limit, and the hold-out's value.",
            "short",
            [
                (_all(f"kubeloop_model_quality{suffix}", "metric"), f"{metric}{legend}")
                for suffix, legend in (
                    ("", ""),
                    ("_lower_bound", " low"),
                    ("_upper_bound", " high"),
                    ("_baseline", " hold-out"),
                    ("_threshold", " limit"),
                )
            ],
            span=16,
        ),
        graph(
            "Errors",
            "Cumulative sum of errors above the hold-out's rate; at the limit they are more often.",
            "short",
            [
                (_all("kubeloop_model_error_cusum"), _VERSIONED),
                (_all("kubeloop_model_error_cusum_threshold"), f"{_VERSIONED} limit"),
            ],
            span=8,
        ),
        graph(
            "Expected quality, without labels",
            "From the probabilities alone: an estimate, blind to a world that has changed.",
            "short",
            [(_all("kubeloop_model_quality_estimate", "metric"), metric)],
        ),
        graph(
            "Labelled rows judged",
            "What the latest verdict on quality rests on.",
            "short",
            [(_all("kubeloop_model_quality_rows"), _VERSIONED)],
        ),
    )


def _loop() -> Panels:
    runs = "kubeloop_retraining_runs_total"
    return (
        graph(
            "Labels",
            "Joined with their predictions.",
            "short",
            [
                (
                    f"max by ({_BY_VERSION}) "
                    f"(rate(kubeloop_feedback_labels_total{{{VERSION}}}[$__rate_interval]))",
                    _VERSIONED,
                )
            ],
        ),
        graph(
            "From prediction to label",
            "The median, of the rows judged.",
            "s",
            [(_all("kubeloop_feedback_lag_seconds"), _VERSIONED)],
        ),
        graph(
            "Decisions on retraining, by day",
            "Why a run was wanted and what came of it; refused started none.",
            "short",
            [
                (
                    f"max by (model_name, reason, result) (increase({runs}{{{MODEL}}}[1d])) > 0",
                    "{{model_name}} {{reason}}: {{result}}",
                )
            ],
            span=16,
        ),
        figure(
            "Under way since",
            "A run that goes on now.",
            "dateTimeFromNow",
            (
                "max by (model_name) "
                f"(kubeloop_retraining_started_timestamp_seconds{{{MODEL}}}) * 1000",
                "{{model_name}}",
            ),
            [(None, "blue")],
        ),
    )
