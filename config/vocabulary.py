"""What people call the things this house has names for: one table for the agent's texts and the dashboard's.

The words stand in the middle of a sentence, so only names (F1, ROC-AUC) begin with a capital. Keys are the words of
`database/enums.py` and of the metrics; tests hold them together.
"""

CAUSES: dict[str, str] = {
    "data_fault": "faulty data from the source",
    "label_feed_fault": "fault of the label feed",
    "covariate_shift_harmless": "harmless change of the inputs",
    "covariate_shift_harmful": "harmful change of the inputs",
    "prior_shift": "changed share of positives",
    "concept_drift": "changed relation of inputs and outcome",
    "bad_release": "bad release",
    "seasonal": "seasonal rhythm",
    "low_confidence": "low confidence",
    "unknown": "unknown cause",
    "corrected_answers": "corrected answers",
}
# The same as a headline: what happened, not what it is called.
TITLES: dict[str, str] = {
    "data_fault": "A source sends faulty data",
    "label_feed_fault": "The labels are missing, late or turned around",
    "covariate_shift_harmless": "The inputs changed, the answers are as good as before",
    "covariate_shift_harmful": "The inputs changed and the answers got worse",
    "prior_shift": "Positives became more or less frequent and the answers got worse",
    "concept_drift": "The same inputs lead to other outcomes than before",
    "bad_release": "The newest version answers worse than the one before",
    "seasonal": "The inputs follow the season",
    "low_confidence": "More answers than usual are uncertain",
    "unknown": "Something changed and the cause is not known",
    "corrected_answers": "Answers were corrected",
}
# Why a person said no.
REJECTIONS: dict[str, str] = {
    "not_convinced": "the evidence does not convince me",
    "wrong_diagnosis": "the diagnosis is wrong",
    "temporary": "this is a known, temporary situation",
    "bad_timing": "the timing is wrong",
    "something_first": "something else must come first",
    "other": "another reason",
}
# Figures that the monitor writes and others ask for by name.
LATENCY = "latency_p95_ms"
ROWS_PER_HOUR = "rows_per_hour"
# A check that tripped over a window, and at which look it did.
COULD_NOT_LOOK, CLOSING, JUDGING = "could_not_look", "closing", "judging"
# What a metric was in earlier windows of the same season: the beginning of such a figure's name.
USUALLY = "usual_"
# What a lost metric would be had one thing stayed as it was: the end of such a figure's name.
ON_USUAL_INPUTS = "on_usual_inputs"
AT_USUAL_SHARE = "at_usual_share"
METRICS: dict[str, str] = {
    "f1": "F1",
    "f1_score": "F1",
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "roc_auc": "ROC-AUC",
    "brier": "Brier score",
    "log_loss": "log loss",
    "positive_share": "share of positives",
    "uncertain_share": "share of uncertain answers",
    "mean_score": "mean score",
    "score_psi": "drift of the scores",
    "latency_p95": "latency p95",
    LATENCY: "latency p95 (ms)",
    "volume": "answers per window",
    ROWS_PER_HOUR: "answers per hour",
    "error_rate": "error rate",
}
ALGORITHMS: dict[str, str] = {
    "logistic_regression": "logistic regression",
    "random_forest": "random forest",
    "xgboost": "XGBoost",
    "lightgbm": "LightGBM",
}
ACTIONS: dict[str, str] = {
    "retrain_model": "retrain",
    "rollback_model": "roll back",
    "send_alert": "tell people",
    "adjust_threshold": "adjust the threshold",
    "collect_diagnostics": "collect the facts",
    "validate_data": "set suspect rows aside",
    "generate_report": "draw the drift report",
}


def words(table: dict[str, str], key: str | None) -> str:
    """The words for `key`; a key nobody wrote down yet is shown as it is, without underscores."""
    return table.get(key or "", (key or "unknown").replace("_", " "))


def capital(text: str) -> str:
    """With a capital first letter, and the rest as it is."""
    return text[:1].upper() + text[1:]
