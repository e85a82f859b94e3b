"""The sections of a spec about models: search, gates, serving, monitoring.

Those about the data are in `components.spec.data`. A section checks its values one by one; what has
to agree between them is in `components.spec.rules`. The descriptions are the reference that users
read, in the JSON Schema and in the README.
"""

from typing import Literal

from pydantic import Field

from components.spec.section import Section
from components.spec.values import (
    Count,
    Cpu,
    Memory,
    Number,
    Percent,
    Positive,
    Ratio,
    Seconds,
    Seed,
    Text,
    Window,
)
from components.spec.vocabulary import ALL_METRICS


class Search(Section):
    """Section `search`: how each candidate's parameters are searched."""

    metric: Text = Field(
        default_factory=str,
        description=(
            "What is optimised, and what champion and challenger are compared on; left out, "
            "roc_auc for binary, log_loss for multiclass and rmse for regression."
        ),
        examples=["roc_auc"],
        json_schema_extra={"enum": list(ALL_METRICS)},
    )
    trials: Count = Field(10, description="Trials for each candidate, at most.")
    timeout_s: Positive = Field(300.0, description="Seconds for each candidate's search, at most.")
    seed: Seed = Field(7, description="Seed of the search and of the estimators.")


class Bound(Section):
    """The limits that a metric has to keep: a least value, a greatest, or both."""

    min: Number | None = Field(None, description="The least value that passes.")
    max: Number | None = Field(None, description="The greatest value that passes.")


class ChampionGate(Section):
    """Section `gates.champion`: how a challenger compares with the model that is served now."""

    min_gain: Number = Field(
        0.0,
        description=(
            "By how much the challenger must be better on search.metric, in the metric's unit and "
            "on the same rows; negative allows it to be that much worse."
        ),
    )


class Gates(Section):
    """Section `gates`: what a model must reach on the hold-out before it may be deployed."""

    metrics: dict[Text, Bound] = Field(
        {},
        description="Limits by metric, such as roc_auc: {min: 0.8}.",
        examples=[{"roc_auc": {"min": 0.8}}],
        json_schema_extra={"propertyNames": {"enum": list(ALL_METRICS)}},
    )
    champion: ChampionGate = Field(
        ChampionGate(), description="The comparison with the model that is served now."
    )


class Replicas(Section):
    """Section `serve.replicas`: how many servers run."""

    min: Count = Field(1, description="The fewest replicas.")
    max: Count = Field(3, description="The most replicas, under load.")


class Serve(Section):
    """Section `serve`: how the model is served, and how a new version takes over."""

    replicas: Replicas = Field(Replicas(), description="How many servers run.")
    cpu: Cpu = Field(
        "500m", description="CPU for each replica, as Kubernetes writes it.", examples=["500m", "2"]
    )
    memory: Memory = Field(
        "512Mi", description="Memory for each replica, as Kubernetes writes it.", examples=["512Mi"]
    )
    canary: list[Percent] = Field(
        [10, 50],
        description="Percent of traffic that a new version gets, step by step, before all of it.",
    )
    latency_ms: Positive = Field(
        50.0, description="Milliseconds that a prediction may take, at the 99th percentile."
    )
    watch_s: Seconds = Field(
        60.0,
        description=(
            "Seconds that each canary step, and then all of the traffic, is watched; 3 hours in "
            "all, at most."
        ),
    )
    max_error_ratio: Ratio = Field(
        0.01, description="Share of failed requests above which a new version is put back."
    )


class Drift(Section):
    """Section `monitor.drift`: when inputs or predictions count as changed."""

    psi: Positive = Field(
        0.2, description="Population stability index, less its bias, above which drift is critical."
    )


class Retrain(Section):
    """Section `monitor.retrain`: what starts a retraining run, and what holds it back."""

    on: list[Literal["drift", "quality"]] = Field(
        ["drift", "quality"], description="The verdicts that start one; an empty list for none."
    )
    cooldown_s: Seconds = Field(
        3600.0, description="Seconds from the end of a run to the start of the next, at least."
    )
    min_labels: Count = Field(
        500,
        description=(
            "New labelled rows that a run needs, at least, where quality is the reason; where "
            "drift is, a run waits for them once labels have begun to come."
        ),
    )
    max_per_day: Count = Field(4, description="Runs within 24 hours, at most.")
    every_s: Positive | None = Field(
        None,
        description="Seconds after which a run starts without a verdict; null for never.",
        examples=[604800.0],
    )


class Monitor(Section):
    """Section `monitor`: how the served model is watched."""

    window: Window = Field(1000, description="Rows that are compared at a time, 10 or more.")
    drift: Drift = Field(Drift(), description="When inputs or predictions count as changed.")
    quality: dict[Text, Bound] = Field(
        {},
        description="Limits by metric on live predictions, such as roc_auc: {min: 0.75}.",
        examples=[{"roc_auc": {"min": 0.75}}],
        json_schema_extra={"propertyNames": {"enum": list(ALL_METRICS)}},
    )
    retrain: Retrain = Field(
        Retrain(), description="What starts a retraining run, and what holds it back."
    )
