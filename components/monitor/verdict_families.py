"""The metrics of what the monitor judges: their names, labels and help texts.

Every threshold stands beside the figure that it is compared with, so that rules compare metric with
metric and none repeats a number.
"""

from collections.abc import Mapping
from typing import Final

VERSION: Final = ("model_name", "model_version")
FEATURE: Final = (*VERSION, "feature")
METRIC: Final = (*VERSION, "metric")
_LEVEL: Final = "0 well, 1 warning, 2 critical."

FAMILIES: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "kubeloop_feature_psi": (
        FEATURE,
        "Population stability index of a feature against its training data, less its bias: about "
        "0 without drift.",
    ),
    "kubeloop_feature_psi_threshold": (
        VERSION,
        "From the spec's monitor.drift.psi: a feature above it has drifted critically.",
    ),
    "kubeloop_feature_psi_warning": (
        VERSION,
        "A feature above this index and below the p-value's threshold has drifted.",
    ),
    "kubeloop_feature_drift_p_value": (
        FEATURE,
        "Of the chi-squared test that a feature is distributed as in training.",
    ),
    "kubeloop_feature_drift_p_value_threshold": (
        VERSION,
        "A p-value below it is no accident, of however many features it is one.",
    ),
    "kubeloop_feature_drifted": (FEATURE, "1 where a feature has drifted, else 0."),
    "kubeloop_feature_missing_ratio": (FEATURE, "Share of rows without a value."),
    "kubeloop_feature_unseen_ratio": (
        FEATURE,
        "Share of rows with a category that training never saw.",
    ),
    "kubeloop_feature_out_of_range_ratio": (
        FEATURE,
        "Share of rows below the least or above the greatest value of training.",
    ),
    "kubeloop_drifted_features_ratio": (VERSION, "Share of the features that have drifted."),
    "kubeloop_drifted_features_ratio_threshold": (
        VERSION,
        "From this share on the rows as a whole have drifted.",
    ),
    "kubeloop_prediction_psi": (VERSION, "As kubeloop_feature_psi, of the answers."),
    "kubeloop_prediction_drift_p_value": (
        VERSION,
        "As kubeloop_feature_drift_p_value, of the answers.",
    ),
    "kubeloop_prediction_drifted": (VERSION, "1 where the answers have drifted, else 0."),
    "kubeloop_prediction_previous_psi": (
        VERSION,
        "Population stability index of the answers against those of the version before, less its "
        "bias.",
    ),
    "kubeloop_drift_window_rows_threshold": (
        VERSION,
        "From the spec's monitor.window: with fewer rows nothing is judged.",
    ),
    "kubeloop_drift_window_rows": (VERSION, "Rows that the latest verdict on drift rests on."),
    "kubeloop_drift_evaluated_timestamp_seconds": (VERSION, "When drift was last judged."),
    "kubeloop_drift_level": (
        (*VERSION, "window"),
        f"The verdict on drift, of the newest rows and of the last day: {_LEVEL}",
    ),
    "kubeloop_request_duration_threshold_seconds": (
        VERSION,
        "From the spec's serve.latency_ms: what 99 % of the requests should keep.",
    ),
    "kubeloop_traffic_rows_per_second": (VERSION, "Rows a second in the newest window."),
    "kubeloop_traffic_rows_per_second_before": (
        VERSION,
        "Rows a second in the same time before the newest window.",
    ),
    "kubeloop_model_quality": (METRIC, "A metric on the newest labelled rows."),
    "kubeloop_model_quality_lower_bound": (METRIC, "Lower end of its 95 % interval."),
    "kubeloop_model_quality_upper_bound": (METRIC, "Upper end of its 95 % interval."),
    "kubeloop_model_quality_baseline": (METRIC, "The metric on the hold-out."),
    "kubeloop_model_quality_baseline_lower_bound": (
        METRIC,
        "Lower end of the hold-out's 95 % interval.",
    ),
    "kubeloop_model_quality_baseline_upper_bound": (
        METRIC,
        "Upper end of the hold-out's 95 % interval.",
    ),
    "kubeloop_model_quality_lower_is_better": (METRIC, "1 where the metric is an error, else 0."),
    "kubeloop_model_quality_limits": (
        VERSION,
        "Metrics that the spec's monitor.quality limits, labels or none.",
    ),
    "kubeloop_model_quality_threshold": (METRIC, "From the spec's monitor.quality."),
    "kubeloop_model_quality_level": (METRIC, f"The verdict on the metric: {_LEVEL}"),
    "kubeloop_model_quality_rows": (
        VERSION,
        "Labelled rows that the latest verdict on quality rests on.",
    ),
    "kubeloop_model_quality_evaluated_timestamp_seconds": (
        VERSION,
        "When quality was last judged.",
    ),
    "kubeloop_model_quality_estimate": (
        METRIC,
        "A metric expected from the probabilities alone, without labels: it cannot see that the "
        "world has changed, and clears no alert.",
    ),
    "kubeloop_model_error_cusum": (
        VERSION,
        "Cumulative sum of errors above the hold-out's rate.",
    ),
    "kubeloop_model_error_cusum_threshold": (VERSION, "From this sum on, errors are more often."),
    "kubeloop_feedback_last_timestamp_seconds": (
        VERSION,
        "When the last label was joined with a prediction, as precisely as this is scraped.",
    ),
    "kubeloop_feedback_lag_seconds": (
        VERSION,
        "Median seconds from a prediction to its label, of the labelled rows judged.",
    ),
    "kubeloop_model_trained_timestamp_seconds": (VERSION, "When the version was trained."),
}
"""Labels and help text by name; all are gauges."""
