"""Draws the demonstration: quality and drift over time, with what happened when."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pipelines.demonstration.observation import Moment
from pipelines.demonstration.timeline import Timeline

_COLOURS = ("#1f6feb", "#d1571b", "#2da44e", "#8250df", "#bf3989", "#6e7781")
_MOST_FEATURES = 5


def draw(path: Path, moments: Sequence[Moment], timeline: Timeline, metric: str) -> None:
    """Writes the picture.

    Args:
        path: a PNG file.
        moments: what both services said, in order.
        timeline: the steps; its change is second 0.
        metric: the metric of quality that is drawn.
    """
    figure = Figure(figsize=(12, 8), layout="constrained")
    FigureCanvasAgg(figure)
    quality, drift = figure.subplots(2, 1, sharex=True)
    began = (timeline.change or (moments[0].at, 0))[0]
    _draw_quality(quality, moments, began, metric)
    _draw_drift(drift, moments, began)
    for axes in (quality, drift):
        _draw_steps(axes, timeline, named=axes is quality)
        axes.grid(visible=True, color="#eaeef2")
        axes.spines[["top", "right"]].set_visible(False)
    drift.set_xlabel("seconds since the fraud pattern changed")
    figure.savefig(path, dpi=110)


def _draw_quality(axes: Any, moments: Sequence[Moment], began: float, metric: str) -> None:
    versions = sorted(
        {v for m in moments for v in m.values("kubeloop_model_quality", "model_version")}, key=int
    )
    for index, version in enumerate(versions):
        names = ("", "_lower_bound", "_upper_bound")
        series = [
            _series(moments, began, f"kubeloop_model_quality{n}", metric, version) for n in names
        ]
        times, values = series[0]
        colour = _COLOURS[index % len(_COLOURS)]
        axes.plot(times, values, color=colour, linewidth=2, label=f"version {version}, live")
        if len(series[1][1]) == len(series[2][1]) == len(times):
            axes.fill_between(times, series[1][1], series[2][1], color=colour, alpha=0.15)
    times, limit = _series(moments, began, "kubeloop_model_quality_threshold", metric, "")
    if times:
        axes.plot(times, limit, color="#cf222e", linestyle="--", label="threshold of the spec")
    axes.set_ylabel(f"{metric} on labelled rows, 95 %")
    axes.legend(loc="lower left", frameon=False)


def _draw_drift(axes: Any, moments: Sequence[Moment], began: float) -> None:
    peaks: dict[str, float] = {}
    for moment in moments:
        found = moment.values("kubeloop_feature_psi", "feature", model_version="1")
        for feature, value in found.items():
            peaks[feature] = max(peaks.get(feature, value), value)
    shown = sorted(peaks, key=lambda feature: -peaks[feature])[:_MOST_FEATURES]
    for index, feature in enumerate(shown):
        for version, style in (("1", "-"), ("2", ":")):
            points = [
                (m.at - began, v)
                for m in moments
                if (v := m.value("kubeloop_feature_psi", feature=feature, model_version=version))
                is not None
            ]
            if points:
                label = f"{feature}, version {version}"
                axes.plot(*zip(*points, strict=True), style, color=_COLOURS[index], label=label)
    limits = [(m.at - began, m.value("kubeloop_feature_psi_threshold")) for m in moments]
    known = [(at, limit) for at, limit in limits if limit is not None]
    if known:
        axes.plot(*zip(*known, strict=True), color="#cf222e", linestyle="--", label="critical")
    axes.set_ylabel("stability index (PSI) less its bias")
    # Room above the lines for what they are.
    axes.margins(y=0.3)
    axes.legend(loc="upper left", frameon=False, ncols=4, fontsize=8)


def _draw_steps(axes: Any, timeline: Timeline, *, named: bool) -> None:
    for index, step in enumerate(timeline.steps):
        seconds, _ = timeline.since(step)
        axes.axvline(seconds, color="#57606a", linewidth=0.8, linestyle=":")
        if named:
            place = (seconds, 1.02 + 0.05 * index)
            # The last steps have no room at their right.
            side = "right" if 2 * index > len(timeline.steps) else "left"
            axes.annotate(step.name, place, xycoords=("data", "axes fraction"), fontsize=8, ha=side)


def _series(
    moments: Sequence[Moment], began: float, name: str, metric: str, version: str
) -> tuple[list[float], list[float]]:
    """Returns times and values of one series; of whatever version where none is named."""
    wanted = {"metric": metric} | ({"model_version": version} if version else {})
    found = [(m.at - began, v) for m in moments if (v := m.value(name, **wanted)) is not None]
    return [time for time, _ in found], [value for _, value in found]
