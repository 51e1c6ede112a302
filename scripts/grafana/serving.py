"""Serving: are clients answered, how fast, and is what they were told kept."""

from grafana_foundation_sdk.builders import dashboard

from scripts.grafana.frame import page
from scripts.grafana.panels import AMBER, GREEN, RED, Ask, Meaning, Panel, bars, figure, lines, rows

_MODEL = 'model=~"$model"'


def build() -> dashboard.Dashboard:
    return page(
        "steward-serving",
        "Steward / Serving",
        "Are clients answered, how fast, and is what they were told kept?",
        (
            ("Now", _now()),
            ("Requests", _requests()),
            ("Answers", _answers()),
            ("The way to the database", _spool()),
        ),
    )


def _now() -> list[Panel]:
    return [
        figure(
            "Replicas that answer",
            "API processes that Prometheus reaches. None: nobody is answered, or scrapes are refused (key, host name).",
            Ask('sum(up{job="steward-api"})'),
            steps=((1, GREEN),),
            base=RED,
            none="none",
            runbook="ApiUnreachable",
        ),
        figure(
            "Failed predictions, last hour",
            "Share of predictions answered with 5xx. One in a thousand may fail over a month; red is fourteen times "
            "that.",
            Ask("steward:predict_errors:ratio_rate1h"),
            unit="percentunit",
            steps=((0.001, AMBER), (0.0144, RED)),
            none="no traffic",
            decimals=2,
            runbook="PredictionsFailing",
        ),
        figure(
            "Share of failures used up, 3 days",
            "How fast the month's permitted failures (0.1 %) are spent: 1 is exactly at the limit, above it they will "
            "not last.",
            Ask("steward:predict_errors:ratio_rate3d / 0.001"),
            unit="none",
            steps=((1, AMBER), (6, RED)),
            none="no traffic",
            decimals=2,
            runbook="PredictionsFailingSlowly",
        ),
        figure(
            "99 % are answered within",
            "The 99th percentile of the time to answer a prediction, five minutes.",
            Ask("steward:predict_seconds:p99_rate5m"),
            unit="s",
            steps=((0.1, AMBER), (0.25, RED)),
            none="no traffic",
            runbook="PredictionsSlow",
        ),
        figure(
            "Spool filled",
            "Answers on disk that are not in PostgreSQL yet, of the room there is. Full, /predict answers 503.",
            Ask("steward:spool_rows:ratio"),
            unit="percentunit",
            steps=((0.05, AMBER), (0.2, RED)),
            decimals=1,
            runbook="SpoolFilling",
        ),
        figure(
            "Serving what it should",
            "Whether every replica serves the generation that was activated last.",
            Ask(f"min(steward_desired_generation{{{_MODEL}}} == bool steward_observed_generation{{{_MODEL}}})"),
            words=(Meaning(1, "yes", GREEN), Meaning(0, "no", RED)),
            none="no version",
            runbook="ReplicaNotFollowing",
        ),
    ]


def _requests() -> list[Panel]:
    return [
        lines(
            "Requests by status",
            "All routes, requests a second. 4xx are the client's, 5xx are ours.",
            Ask("sum by (status) (rate(steward_requests_total[$__rate_interval]))", "{{status}}"),
            unit="reqps",
            stacked=True,
        ),
        lines(
            "Time to answer a prediction",
            "Half, nineteen of twenty, and 99 of a hundred are faster than this. The line is where the alert begins.",
            Ask("steward:predict_seconds:p50_rate5m", "50 %"),
            Ask("steward:predict_seconds:p95_rate5m", "95 %"),
            Ask("steward:predict_seconds:p99_rate5m", "99 %"),
            unit="s",
            limit=0.25,
            runbook="PredictionsSlow",
        ),
        lines(
            "Failures over windows",
            "The share of failed predictions over a short and three long windows; an alert needs a long and a "
            "short one "
            "above its line.",
            Ask("steward:predict_errors:ratio_rate5m", "5 min"),
            Ask("steward:predict_errors:ratio_rate1h", "1 h"),
            Ask("steward:predict_errors:ratio_rate6h", "6 h"),
            Ask("steward:predict_errors:ratio_rate3d", "3 d"),
            unit="percentunit",
            limit=0.0144,
            runbook="PredictionsFailing",
        ),
        lines(
            "In work at once",
            "Requests being served in each process, and how many it takes before it answers 503.",
            Ask("steward_requests_in_flight", "{{instance}}"),
            Ask("max(steward_requests_in_flight_limit)", "limit"),
        ),
        bars(
            "Requests by route, last hour",
            "Where traffic goes.",
            Ask("topk(12, sum by (route) (increase(steward_requests_total[1h])))", "{{route}}"),
        ),
        rows(
            "Refused, last twenty minutes",
            "Why clients were refused, over all processes. The Data quality page of Steward names the fields.",
            Ask("sort_desc(sum by (route, code) (max by (route, code) (steward_refused_requests)))"),
            columns={"route": "Route", "code": "Why"},
            value="Requests",
            none="nobody was refused",
            runbook="ClientsRefused",
        ),
    ]


def _answers() -> list[Panel]:
    return [
        lines(
            "Predictions by model and version",
            "Rows answered a second. Two versions at once for longer than a few seconds: replicas disagree.",
            Ask(f"steward:predictions:rate5m{{{_MODEL}}}", "{{model}} v{{version}}"),
            unit="rowsps",
            stacked=True,
        ),
        lines(
            "Share answered with 1",
            "Of the predictions of the last hour. A jump is a change of the data, of the model, or of who asks.",
            Ask(f"steward:predictions_positive:ratio_rate1h{{{_MODEL}}}", "{{model}}"),
            unit="percentunit",
            highest=1,
        ),
    ]


def _spool() -> list[Panel]:
    return [
        lines(
            "Answers that wait",
            "Rows on disk, by process. It should be near nothing; while the database is away it grows with the "
            "traffic.",
            Ask("steward_spool_rows", "{{instance}}"),
            runbook="SpoolFilling",
        ),
        lines(
            "Answered and stored",
            "Rows answered, and rows moved to PostgreSQL, a second. They differ only while the spool fills or empties.",
            Ask("sum(rate(steward_predictions_total[$__rate_interval]))", "answered"),
            Ask("sum(rate(steward_spool_shipped_rows_total[$__rate_interval]))", "stored"),
            unit="rowsps",
        ),
        figure(
            "Not kept",
            "Answers of the last day that were given while the spool was full and so were not kept.",
            Ask("sum(increase(steward_unlogged_predictions_total[1d]))"),
            steps=((1, RED),),
            width=6,
            decimals=0,
            runbook="PredictionsNotKept",
        ),
        figure(
            "Dead letters",
            "Answers that PostgreSQL refused to store; kept as text until somebody has them tried again.",
            Ask("max(steward_dead_letter_rows)"),
            steps=((1, RED),),
            width=6,
            runbook="DeadLetters",
        ),
        figure(
            "Damaged spool files",
            "Files kept aside because a disk spoiled them.",
            Ask("sum(steward_spool_damaged_files)"),
            steps=((1, RED),),
            width=6,
            runbook="SpoolFilesDamaged",
        ),
        figure(
            "Keys near their quota",
            "API keys that have used nine tenths of today's rows.",
            Ask("max(steward_keys_near_quota)"),
            steps=((1, AMBER),),
            width=6,
        ),
    ]
