"""What pages are made of: a figure, lines over time, a table, bars. Each has a sentence that says what it means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
GREEN, AMBER, RED, BLUE, GREY = "green", "orange", "red", "blue", "text"

Panel = stat.Panel | timeseries.Panel | table.Panel | bargauge.Panel


@dataclass(frozen=True)
class Ask:
    """One question to Prometheus. `says` names its answer: text with {{label}} in it."""

    expr: str
    says: str = ""


@dataclass(frozen=True)
class Meaning:
    """A value in words and a colour, such as 1: 'running'."""

    value: int
    words: str
    colour: str


YES = (Meaning(1, "up", GREEN), Meaning(0, "down", RED))


def figure(
    title: str,
    what: str,
    ask: Ask,
    *,
    unit: str = "short",
    steps: Sequence[tuple[float, str]] = (),
    base: str = GREEN,
    words: Sequence[Meaning] = (),
    none: str = "nothing",
    width: int = 4,
    runbook: str | None = None,
    decimals: int | None = None,
) -> stat.Panel:
    """One number as it is now. `steps`: from this value on, this colour; `none`: what an empty answer means."""
    panel = (
        stat.Panel()
        .title(title)
        .description(what)
        .datasource(DATASOURCE)
        .height(4)
        .span(width)
        .unit(unit)
        .no_value(none)
        .color_mode(looks.BigValueColorMode.BACKGROUND if steps or words else looks.BigValueColorMode.VALUE)
        .graph_mode(looks.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(_thresholds(steps, base))
        .with_target(_target(ask, "A", instant=True))
    )
    if ask.says:
        panel = panel.text_mode(looks.BigValueTextMode.VALUE_AND_NAME)
    if words:
        panel = panel.mappings([_meaning(words)])
    if decimals is not None:
        panel = panel.decimals(decimals)
    return panel.links([_runbook(runbook)]) if runbook else panel


def lines(
    title: str,
    what: str,
    *asks: Ask,
    unit: str = "short",
    limit: float | None = None,
    width: int = 12,
    lowest: float | None = 0,
    highest: float | None = None,
    stacked: bool = False,
    runbook: str | None = None,
) -> timeseries.Panel:
    """Figures over time, the newest and the largest in the legend. `limit`: a line that should not be crossed."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(what)
        .datasource(DATASOURCE)
        .height(8)
        .span(width)
        .unit(unit)
        .line_width(2)
        .fill_opacity(25 if stacked else 5)
        .show_points(looks.VisibilityMode.NEVER)
        .tooltip(common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING))
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(looks.LegendDisplayMode.TABLE)
            .placement(looks.LegendPlacement.BOTTOM)
            .calcs(["lastNotNull", "max"])
        )
    )
    for at, ask in enumerate(asks):
        panel = panel.with_target(_target(ask, "ABCDEFGH"[at]))
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL))
    if lowest is not None:
        panel = panel.min(lowest)
    if highest is not None:
        panel = panel.max(highest)
    if limit is not None:
        panel = panel.thresholds(_thresholds([(limit, RED)], GREY)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(looks.GraphTresholdsStyleMode.DASHED)
        )
    return panel.links([_runbook(runbook)]) if runbook else panel


def bars(
    title: str, what: str, ask: Ask, *, unit: str = "short", steps: Sequence[tuple[float, str]] = (), width: int = 12
) -> bargauge.Panel:
    """Several figures of one kind beside each other, as they are now."""
    return (
        bargauge.Panel()
        .title(title)
        .description(what)
        .datasource(DATASOURCE)
        .height(8)
        .span(width)
        .unit(unit)
        .min(0)
        .orientation(looks.VizOrientation.HORIZONTAL)
        .display_mode(looks.BarGaugeDisplayMode.BASIC)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(_thresholds(steps, BLUE))
        .with_target(_target(ask, "A", instant=True))
    )


def rows(
    title: str,
    what: str,
    ask: Ask,
    *,
    columns: Mapping[str, str],
    value: str,
    unit: str = "short",
    none: str = "nothing",
    width: int = 12,
    runbook: str | None = None,
) -> table.Panel:
    """A table. `columns`: which labels are shown, under which headings; `value`: the heading of the figure."""
    order = {label: at for at, label in enumerate(columns)}
    panel = (
        table.Panel()
        .title(title)
        .description(what)
        .datasource(DATASOURCE)
        .height(8)
        .span(width)
        .no_value(none)
        .with_target(_target(ask, "A", instant=True, as_table=True))
        .with_transformation(
            DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": {"Time": True},
                    "indexByName": order | {"Value": len(order)},
                    "renameByName": dict(columns) | {"Value": value},
                },
            )
        )
        .override_by_name(value, [DynamicConfigValue(id_val="unit", value=unit)])
    )
    return panel.links([_runbook(runbook)]) if runbook else panel


def _target(ask: Ask, ref: str, *, instant: bool = False, as_table: bool = False) -> prometheus.Dataquery:
    query = prometheus.Dataquery().expr(ask.expr).ref_id(ref).datasource(DATASOURCE)
    if ask.says:
        query = query.legend_format(ask.says)
    if as_table:
        query = query.format(PromQueryFormat.TABLE)
    return query.instant() if instant else query.range()


def _thresholds(steps: Sequence[tuple[float, str]], base: str) -> dashboard.ThresholdsConfig:
    found = [Threshold(value=None, color=base), *(Threshold(value=at, color=colour) for at, colour in steps)]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(found)


def _meaning(words: Sequence[Meaning]) -> ValueMap:
    told = {
        str(one.value): ValueMappingResult(text=one.words, color=one.colour, index=at) for at, one in enumerate(words)
    }
    return ValueMap(options=told)


def _runbook(alert: str) -> dashboard.DashboardLink:
    link = dashboard.DashboardLink(f"What to do: {alert}").type(DashboardLinkType.LINK)
    return link.url(f"${{runbooks}}#{alert.lower()}").target_blank(True)
