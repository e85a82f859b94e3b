"""What the dashboards are made of: how a panel looks, and what it may be narrowed down to."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import common, stat, table, timeseries
from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
    ThresholdsConfig,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.common import (
    BigValueGraphMode,
    BigValueTextMode,
    LegendDisplayMode,
    LegendPlacement,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    Threshold,
    ThresholdsMode,
    VariableOption,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
SPACE = 'namespace=~"$namespace"'
MODEL = f'{SPACE}, model_name=~"$model"'
VERSION = f'{MODEL}, model_version=~"$version"'

Query = tuple[str, str]
"""An expression and the legend of its series."""
Panels = tuple[timeseries.Panel | stat.Panel | table.Panel, ...]


def dashboard(uid: str, title: str, text: str, *, by_model: bool) -> Dashboard:
    """Starts a dashboard.

    Args:
        uid: its name in addresses.
        title: what is shown.
        text: what it is for.
        by_model: whether it can be narrowed down to models and versions.
    """
    started = (
        Dashboard(title)
        .uid(uid)
        .description(text)
        .tags(["kubeloop"])
        .time("now-6h", "now")
        .refresh("1m")
        .timezone("browser")
        .readonly()
        .link(
            DashboardLink("Kubeloop")
            .type(DashboardLinkType.DASHBOARDS)
            .tags(["kubeloop"])
            .keep_time(True)
            .include_vars(True)
            .as_dropdown(True)
        )
        .with_variable(DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        # On one machine there is no namespace, which "all" stands for too.
        .with_variable(_choice("namespace", "Namespace", "kubeloop_monitor_build_info"))
    )
    if not by_model:
        return started
    info = f"kubeloop_monitor_model_info{{{SPACE}}}"
    return started.with_variable(_choice("model", "Model", info, label="model_name")).with_variable(
        _choice(
            "version",
            "Version",
            f"kubeloop_monitor_model_info{{{MODEL}}}",
            label="model_version",
        )
    )


def _choice(name: str, title: str, metric: str, label: str | None = None) -> QueryVariable:
    return (
        QueryVariable(name)
        .label(title)
        .datasource(SOURCE)
        .query(f"label_values({metric}, {label or name})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.NUMERICAL_DESC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(VariableOption(selected=True, text="All", value="$__all"))
    )


def graph(
    title: str, text: str, unit: str, queries: Sequence[Query], *, span: int = 12
) -> timeseries.Panel:
    """A panel of lines.

    Args:
        title: what is shown.
        text: what a person should make of it.
        unit: as Grafana names it.
        queries: what is drawn.
        span: its width, of 24.
    """
    panel = (
        timeseries.Panel()
        .title(title)
        .description(text)
        .datasource(SOURCE)
        .unit(unit)
        .span(span)
        .height(8)
        .line_width(1)
        .fill_opacity(5)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )
    for place, (expression, legend) in enumerate(queries):
        panel = panel.with_target(_query(expression, place).legend_format(legend))
    return panel


def figure(
    title: str, text: str, unit: str, query: Query, steps: Sequence[tuple[float | None, str]]
) -> stat.Panel:
    """A panel of one number a series.

    Args:
        title: what is shown.
        text: what a person should make of it.
        unit: as Grafana names it.
        query: what is shown.
        steps: from which value on it has which colour; the first begins at None.
    """
    colours = [Threshold(value=value, color=colour) for value, colour in steps]
    return (
        stat.Panel()
        .title(title)
        .description(text)
        .datasource(SOURCE)
        .unit(unit)
        .span(6)
        .height(5)
        .graph_mode(BigValueGraphMode.NONE)
        .text_mode(BigValueTextMode.VALUE_AND_NAME)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(colours))
        .with_target(_query(query[0], 0).legend_format(query[1]).instant())
    )


def listing(title: str, text: str, queries: Sequence[Query], *, span: int = 12) -> table.Panel:
    """A panel of rows: what the queries say now, each legend a column."""
    # The time is now.
    hidden = {"excludeByName": {"Time": True}}
    panel = (
        table.Panel()
        .title(title)
        .description(text)
        .datasource(SOURCE)
        .span(span)
        .height(8)
        .show_header(True)
        .with_transformation(DataTransformerConfig(id_val="organize", options=hidden))
    )
    for place, (expression, legend) in enumerate(queries):
        asked = _query(expression, place).legend_format(legend).instant()
        panel = panel.with_target(asked.format(PromQueryFormat.TABLE))
    return panel


def _query(expression: str, place: int) -> Dataquery:
    return Dataquery().datasource(SOURCE).expr(expression).ref_id(chr(ord("A") + place))
