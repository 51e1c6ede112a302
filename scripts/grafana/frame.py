"""What stands around every page: where data come from, which model, links, and what happened when."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from scripts.grafana.panels import DATASOURCE, Panel

TAG = "steward"
# Where this installation's own pages are; whoever runs it puts their addresses here, as docs/operations.md says.
RUNBOOKS = "https://steward.example.org/docs/operations.md"
DASHBOARD = "https://steward.example.org"

Rows = Sequence[tuple[str, Sequence[Panel]]]


def page(uid: str, title: str, what: str, rows: Rows, *, by: Sequence[str] = ("model",)) -> dashboard.Dashboard:
    """A page of rows of panels. `by`: what a person chooses at its top, `model` or `job`."""
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(what)
        .tags([TAG])
        .readonly()
        .time("now-6h", "now")
        .refresh("30s")
        .timezone("utc")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    for name in by:
        made = made.with_variable(_CHOICES[name]())
    made = made.with_variable(_constant("runbooks", RUNBOOKS)).with_variable(_constant("steward", DASHBOARD))
    made = made.link(
        dashboard.DashboardLink("Steward")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .keep_time(True)
        .include_vars(True)
    )
    made = made.link(_link("Dashboard", "${steward}", "Decisions, incidents, versions: where people act"))
    made = made.link(_link("When an alert fires", "${runbooks}#when-an-alert-fires", "A paragraph for each alert"))
    made = made.annotation(_event("What serves changed", "changes(steward_serving_generation[2m]) > 0", "blue"))
    made = made.annotation(_event("Alert", 'max by (alertname) (ALERTS{alertstate="firing"})', "red"))
    for heading, panels in rows:
        made = made.with_row(dashboard.Row(heading))
        for panel in panels:
            made = made.with_panel(panel)
    return made


def _model() -> dashboard.QueryVariable:
    return _query("model", "Model", "label_values(steward_serving_info, model)")


def _job() -> dashboard.QueryVariable:
    return _query("job", "Service", 'label_values(up{job=~"steward-.+"}, job)')


_CHOICES = {"model": _model, "job": _job}


def _query(name: str, label: str, asks: str) -> dashboard.QueryVariable:
    variable = dashboard.QueryVariable(name).label(label).query(asks).datasource(DATASOURCE).multi(True)
    variable = variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC)
    return variable.include_all(True).all_value(".*").current(VariableOption(selected=True, text="All", value="$__all"))


def _constant(name: str, value: str) -> dashboard.ConstantVariable:
    return dashboard.ConstantVariable(name).value(value)


def _link(title: str, url: str, tooltip: str) -> dashboard.DashboardLink:
    link = dashboard.DashboardLink(title).type(DashboardLinkType.LINK).url(url).tooltip(tooltip)
    return link.icon("external link").target_blank(True)


def _event(name: str, expr: str, colour: str) -> dashboard.AnnotationQuery:
    event = dashboard.AnnotationQuery().name(name).datasource(DATASOURCE).enable(True)
    return event.icon_color(colour).expr(expr)
