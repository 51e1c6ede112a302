"""Models: what serves, what moved, how good the answers are, and whether anybody knows."""

from grafana_foundation_sdk.builders import dashboard

from scripts.grafana.frame import page
from scripts.grafana.panels import AMBER, GREEN, RED, Ask, Meaning, Panel, bars, figure, lines, rows

_MODEL = 'model=~"$model"'
_VERDICT = (
    Meaning(0, "no drift that matters", GREEN),
    Meaning(1, "moved", AMBER),
    Meaning(2, "moved far", RED),
    Meaning(-1, "too few rows to say", "text"),
)


def build() -> dashboard.Dashboard:
    return page(
        "steward-models",
        "Steward / Models",
        "What serves, what moved, how good the answers are, and whether anybody knows.",
        (
            ("Now", _now()),
            ("How good the answers are", _quality()),
            ("What moved", _drift()),
            ("Labels and windows", _labels()),
        ),
    )


def _now() -> list[Panel]:
    return [
        figure(
            "Serving",
            "The version that should serve.",
            Ask(f"max by (model) (steward_serving_version{{{_MODEL}}})", "{{model}}"),
            none="no version",
            unit="none",
        ),
        figure(
            "Serving since",
            "How long ago it was activated.",
            Ask(f"time() - max(steward_serving_since_timestamp_seconds{{{_MODEL}}})"),
            unit="s",
            none="no version",
        ),
        figure(
            "Open incidents",
            "What the agent found and nobody has resolved, critical or not.",
            Ask(f"sum(steward_incidents_open{{{_MODEL}}}) or vector(0)"),
            steps=((1, AMBER),),
            none="none",
            runbook="IncidentUnattended",
        ),
        figure(
            "Drift",
            "The verdict about the newest window: what moved is weighed by how much it influences the answers.",
            Ask(f"max(steward_drift_verdict{{{_MODEL}}})"),
            words=_VERDICT,
            none="no window yet",
        ),
        figure(
            "Labelled, newest window",
            "Share of its predictions whose truth is known. Little is normal while labels are on their way.",
            Ask(f"min(steward_window_labelled_ratio{{{_MODEL}}})"),
            unit="percentunit",
            none="no window yet",
        ),
        figure(
            "Monitoring is behind",
            "Predictions that are in no window yet though they would have made many.",
            Ask(f"max(steward_monitoring_backlog_rows{{{_MODEL}}})"),
            unit="short",
            steps=((1, AMBER),),
            none="not at all",
            runbook="MonitoringBehind",
        ),
    ]


def _quality() -> list[Panel]:
    at = f'{_MODEL},metric="f1"'
    return [
        lines(
            "F1 against labels, with its interval",
            "Realised on the newest judged window; the interval holds the true value in 95 of 100 cases. A value "
            "below the "
            "reference is a loss only if the whole interval is.",
            Ask(f'steward_model_metric{{{at},kind="realised"}}', "{{model}}"),
            Ask(f'steward_model_metric_low{{{at},kind="realised"}}', "{{model}}, at least"),
            Ask(f'steward_model_metric_high{{{at},kind="realised"}}', "{{model}}, at most"),
            Ask(f'steward_model_metric_reference{{{at},kind="realised"}}', "{{model}}, held to"),
            highest=1,
            runbook="IncidentUnattended",
        ),
        lines(
            "F1 as estimated without labels",
            "From calibrated confidence, before labels come. It cannot see that the world means something else "
            "by the same "
            "features.",
            Ask(f'steward_model_metric{{{at},kind="estimated"}}', "{{model}}"),
            Ask(f'steward_model_metric_low{{{at},kind="estimated"}}', "{{model}}, at least"),
            Ask(f'steward_model_metric_high{{{at},kind="estimated"}}', "{{model}}, at most"),
            highest=1,
        ),
        rows(
            "Newest figures",
            "Every figure of the newest window that has it, by how it came about.",
            Ask(f"sort_desc(max by (model, kind, metric) (steward_model_metric{{{_MODEL}}}))"),
            columns={"model": "Model", "kind": "Kind", "metric": "Metric"},
            value="Value",
            none="no window yet",
        ),
        rows(
            "Open incidents by cause",
            "Why something is wrong, as the agent concluded. The Steward dashboard has the evidence.",
            Ask(f"sum by (model, cause, severity, status) (steward_incidents_open{{{_MODEL}}})"),
            columns={"model": "Model", "cause": "Cause", "severity": "Severity", "status": "Status"},
            value="Incidents",
            none="no incident",
            runbook="IncidentUnattended",
        ),
    ]


def _drift() -> list[Panel]:
    return [
        bars(
            "How far each feature moved, newest window",
            "Population stability index of the 20 features that influence the answers most.",
            Ask(f"topk(20, max by (feature) (steward_feature_drift{{{_MODEL}}}))", "{{feature}}"),
        ),
        bars(
            "Beyond what chance explains",
            "The index as a multiple of what chance alone stays below at this many rows: above 1 a feature moved.",
            Ask(
                f"topk(20, max by (feature) (steward_feature_drift{{{_MODEL}}}"
                f" / (steward_feature_drift_threshold{{{_MODEL}}} > 0)))",
                "{{feature}}",
            ),
            steps=((1, AMBER), (3, RED)),
        ),
        lines(
            "Drift weighed by influence",
            "Share of the model's influence that is carried by features that moved.",
            Ask(f"max by (model) (steward_drift_ratio{{{_MODEL}}})", "{{model}}"),
            unit="percentunit",
            highest=1,
        ),
        lines(
            "Checks of the data that failed",
            "Of the newest window: warnings and worse, and rows that failed a check.",
            Ask(
                f'sum by (model, verdict) (steward_data_checks{{{_MODEL},verdict=~"warn|crit"}})',
                "{{model}}: {{verdict}}",
            ),
            Ask(f"max by (model) (steward_window_suspect_ratio{{{_MODEL}}})", "{{model}}: share of rows"),
        ),
    ]


def _labels() -> list[Panel]:
    return [
        lines(
            "Age of the newest label and the newest prediction",
            "When the truth stops coming while predictions go on, quality is unknown, not fine.",
            Ask(f"time() - max by (model) (steward_newest_label_timestamp_seconds{{{_MODEL}}})", "{{model}}: label"),
            Ask(
                f"time() - max by (model) (steward_newest_prediction_timestamp_seconds{{{_MODEL}}})",
                "{{model}}: prediction",
            ),
            unit="s",
            runbook="LabelsLate",
        ),
        lines(
            "How long labels take",
            "From the end of a window until enough of its truth was known.",
            Ask(f"max by (model) (steward_label_delay_seconds{{{_MODEL}}})", "{{model}}"),
            unit="s",
        ),
        lines(
            "Predictions and labels stored",
            "Ever stored by the newest 20 versions, and of how many the truth is known.",
            Ask(
                f"sum by (model) (max by (model, version) (steward_stored_predictions{{{_MODEL}}}))",
                "{{model}}: predictions",
            ),
            Ask(f"max by (model) (steward_stored_labels{{{_MODEL}}})", "{{model}}: labels"),
        ),
        lines(
            "Windows",
            "The number of the newest window, and how many wait for their labels.",
            Ask(f"max by (model) (steward_window_seq{{{_MODEL}}})", "{{model}}: newest"),
            Ask(f"max by (model) (steward_windows_waiting{{{_MODEL}}})", "{{model}}: wait for labels"),
        ),
    ]
