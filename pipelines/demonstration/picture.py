"""Draws the demonstration: quality and drift over time, with what happened when."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipelines.demonstration.observation import Moment
from pipelines.demonstration.timeline import Timeline

SIZE = (1540, 880)
"""Width and height in pixels."""

_DPI = 110
_COLOURS = ("#1f6feb", "#d1571b", "#2da44e", "#8250df", "#bf3989", "#6e7781")
_LIMIT, _GREY, _PALE = "#cf222e", "#57606a", "#eaeef2"
_STYLES: Mapping[str, Literal["-", ":"]] = {"1": "-", "2": ":"}
_MOST_FEATURES = 5
_NEAR = 0.02
"""Share of the drawing's width; steps that lie closer have one mark."""


def draw(path: Path, moments: Sequence[Moment], timeline: Timeline, metric: str) -> None:
    """Writes the picture.

    Args:
        path: a PNG file.
        moments: what both services said, in order.
        timeline: the steps; its change is second 0.
        metric: the metric of quality that is drawn.
    """
    figure = Figure(figsize=(SIZE[0] / _DPI, SIZE[1] / _DPI), layout="constrained")
    FigureCanvasAgg(figure)
    quality, drift = figure.subplots(2, 1, sharex=True)
    began = (timeline.change or (moments[0].at, 0))[0]
    _draw_quality(quality, moments, began, metric)
    _draw_drift(drift, moments, began)
    for axes in (quality, drift):
        axes.grid(visible=True, color=_PALE)
        axes.set_axisbelow(True)
        axes.margins(x=0.01)
        axes.spines[["top", "right"]].set_visible(False)
    ends = (moments[0].at - began, moments[-1].at - began)
    _draw_steps((quality, drift), timeline, near=_NEAR * (ends[1] - ends[0]))
    drift.set_xlabel("seconds since the fraud pattern changed")
    figure.savefig(path, dpi=_DPI)


def _draw_quality(axes: Any, moments: Sequence[Moment], began: float, metric: str) -> None:
    versions = sorted(
        {v for m in moments for v in m.values("kubeloop_model_quality", "model_version")}, key=int
    )
    handles: dict[str, Any] = {}
    for index, version in enumerate(versions):
        named = {"metric": metric, "model_version": version}
        names = ("", "_lower_bound", "_upper_bound")
        series = [_series(moments, began, f"kubeloop_model_quality{n}", named) for n in names]
        times, values = series[0]
        colour = _COLOURS[index % len(_COLOURS)]
        [handles[f"version {version}, live"]] = axes.plot(times, values, color=colour, linewidth=2)
        if len(series[1][1]) == len(series[2][1]) == len(times):
            axes.fill_between(times, series[1][1], series[2][1], color=colour, alpha=0.15)
    known = _series(moments, began, "kubeloop_model_quality_threshold", {"metric": metric})
    if known[0]:
        [handles["threshold of the spec"]] = axes.plot(*known, color=_LIMIT, linestyle="--")
    axes.set_ylabel(f"{metric} on labelled rows, 95 %")
    _explain(axes, handles, "lower left", (1.0, 0.0))


def _draw_drift(axes: Any, moments: Sequence[Moment], began: float) -> None:
    peaks: dict[str, float] = {}
    for moment in moments:
        found = moment.values("kubeloop_feature_psi", "feature", model_version="1")
        for feature, value in found.items():
            peaks[feature] = max(peaks.get(feature, value), value)
    shown = sorted(peaks, key=lambda feature: -peaks[feature])[:_MOST_FEATURES]
    handles: dict[str, Any] = {}
    for colour, feature in zip(_COLOURS, shown, strict=False):
        handles[feature] = Line2D([], [], color=colour)
        for version, style in _STYLES.items():
            named = {"feature": feature, "model_version": version}
            axes.plot(*_series(moments, began, "kubeloop_feature_psi", named), style, color=colour)
    for version, style in _STYLES.items():
        handles[f"of version {version}"] = Line2D([], [], color=_GREY, linestyle=style)
    known = _series(moments, began, "kubeloop_feature_psi_threshold", {})
    if known[0]:
        [handles["critical from here"]] = axes.plot(*known, color=_LIMIT, linestyle="--")
    axes.set_ylabel("stability index (PSI) less its bias")
    _explain(axes, handles, "upper left", (1.0, 1.0))


def _draw_steps(drawings: Sequence[Any], timeline: Timeline, *, near: float) -> None:
    """Numbers the steps where they happened, and lists them at the side."""
    marks: list[tuple[float, str]] = []
    listed: dict[str, Any] = {}
    for number, step in enumerate(timeline.steps, start=1):
        seconds, _ = timeline.since(step)
        listed[f"{number}  {seconds:+.1f} s  {step.name}"] = Line2D([], [], linestyle="none")
        for axes in drawings:
            axes.axvline(seconds, color=_GREY, linewidth=0.8, linestyle=":")
        if marks and seconds - marks[-1][0] < near:
            marks[-1] = (marks[-1][0], f"{marks[-1][1]} {number}")
        else:
            marks.append((seconds, str(number)))
    top = drawings[0]
    for seconds, text in marks:
        top.annotate(
            text,
            (seconds, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(-3, 3),
            textcoords="offset points",
            fontsize=10,
            fontweight="bold",
        )
    lines = top.get_legend()
    if listed:
        _explain(top, listed, "upper left", (1.0, 1.0), handlelength=0, handletextpad=0)
        # A second legend takes the place of the first.
        top.add_artist(lines)


def _explain(
    axes: Any, handles: Mapping[str, Any], corner: str, place: tuple[float, float], **more: Any
) -> None:
    """Says beside a drawing what its lines are, where none of them can be covered."""
    axes.legend(
        [*handles.values()],
        [*handles],
        loc=corner,
        bbox_to_anchor=place,
        frameon=False,
        fontsize=10,
        **more,
    )


def _series(
    moments: Sequence[Moment], began: float, name: str, named: Mapping[str, str]
) -> tuple[list[float], list[float]]:
    """Returns times and values of one series.

    A version is told for a while after traffic has left it, as it was at last; that is left out.
    """
    version = named.get("model_version")
    served = [m for m in moments if version is None or m.served == int(version)]
    found = [(m.at - began, v) for m in served if (v := m.value(name, **named)) is not None]
    return [time for time, _ in found], [value for _, value in found]
