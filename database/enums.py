"""The vocabulary: statuses with their arrows, causes, issues, actions, risks. Standard library only.

Each closed set is text with a CHECK in the database; a test keeps both sides equal. `NEXT` is the one table of allowed
moves of an action; the database holds the same table and refuses the rest.
"""

from enum import IntEnum, StrEnum


class VersionStatus(StrEnum):
    """Where a model version stands."""

    TRAINING = "training"
    STAGING = "staging"
    PRODUCTION = "production"
    ARCHIVED = "archived"


class Verdict(StrEnum):
    """What a measurement means. `INCONCLUSIVE` is its own answer: too little to judge, never "all fine"."""

    OK = "ok"
    WARN = "warn"
    CRIT = "crit"
    INCONCLUSIVE = "inconclusive"


class MetricKind(StrEnum):
    """How a performance figure came about."""

    REALISED = "realised"  # against labels that arrived
    REALISED_CLEAN = "realised_clean"  # the same without rows that failed the data checks
    ESTIMATED = "estimated"  # from calibrated confidence, without labels
    PREDICTION = "prediction"  # about the answers themselves: share of positives, uncertain share, latency
    VERIFICATION = "verification"  # new against old version on the same rows, after a change
    SEGMENT = "segment"  # realised, on a part of the rows that lost more than the rest
    LABELS = "labels"  # about the labels themselves: how long they take, from where they come


class LabelFigure(StrEnum):
    """The figures of kind `labels`."""

    TURNED = "labels_turned"  # crit: 0 and 1 are swapped, of all rows or of a part
    SOURCE_GAP = "label_source_gap"  # how much better the best category is labelled than one that fell silent
    WAIT = "label_wait_h"  # from the window's end until enough labels were there


class IssueType(StrEnum):
    """How an issue is shown and filtered."""

    DATA_DRIFT = "data_drift"
    PERFORMANCE_DEGRADATION = "performance_degradation"
    PREDICTION_ANOMALY = "prediction_anomaly"
    LOW_CONFIDENCE = "low_confidence"
    DATA_QUALITY = "data_quality"


class Cause(StrEnum):
    """Why something is wrong. The cause decides what may be done."""

    DATA_FAULT = "data_fault"
    LABEL_FEED_FAULT = "label_feed_fault"
    COVARIATE_SHIFT_HARMLESS = "covariate_shift_harmless"
    COVARIATE_SHIFT_HARMFUL = "covariate_shift_harmful"
    PRIOR_SHIFT = "prior_shift"
    CONCEPT_DRIFT = "concept_drift"
    BAD_RELEASE = "bad_release"
    SEASONAL = "seasonal"
    LOW_CONFIDENCE = "low_confidence"
    UNKNOWN = "unknown"
    CORRECTED_ANSWERS = "corrected_answers"  # people said so; no diagnosis: the agent tries whether there is a lesson


class ActionType(StrEnum):
    """What the agent can do."""

    RETRAIN_MODEL = "retrain_model"
    ROLLBACK_MODEL = "rollback_model"
    SEND_ALERT = "send_alert"
    ADJUST_THRESHOLD = "adjust_threshold"
    COLLECT_DIAGNOSTICS = "collect_diagnostics"
    VALIDATE_DATA = "validate_data"
    GENERATE_REPORT = "generate_report"


# These change what serves: a model has at most one of them in flight, and a person decides each.
CHANGING = frozenset({ActionType.RETRAIN_MODEL, ActionType.ROLLBACK_MODEL, ActionType.ADJUST_THRESHOLD})


class Risk(IntEnum):
    """Ordered, so that `>=` means what it says (as strings, "high" < "low")."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


class Severity(StrEnum):
    """From measured or estimated harm, never from how many features moved."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertStatus(StrEnum):
    ACTIVE = "active"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class ActionStatus(StrEnum):
    """The life of an action; the arrows are in `NEXT`."""

    PROPOSED = "proposed"
    GATHERING_EVIDENCE = "gathering_evidence"
    PENDING_APPROVAL = "pending_approval"
    APPROVED = "approved"
    EXECUTING = "executing"
    VERIFYING = "verifying"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    STALE = "stale"
    FAILED = "failed"
    REVERTED = "reverted"
    INCONCLUSIVE = "inconclusive"


_S = ActionStatus
NEXT: dict[ActionStatus, frozenset[ActionStatus]] = {
    # An automatic action goes straight to approved; one that needs proof gathers it first.
    _S.PROPOSED: frozenset({_S.GATHERING_EVIDENCE, _S.PENDING_APPROVAL, _S.APPROVED, _S.CANCELLED}),
    _S.GATHERING_EVIDENCE: frozenset({_S.PENDING_APPROVAL, _S.CANCELLED, _S.FAILED}),
    _S.PENDING_APPROVAL: frozenset({_S.APPROVED, _S.REJECTED, _S.EXPIRED, _S.CANCELLED, _S.STALE}),
    # What an approval rested on changed: gathered again, or let go.
    _S.STALE: frozenset({_S.GATHERING_EVIDENCE, _S.CANCELLED}),
    _S.APPROVED: frozenset({_S.EXECUTING, _S.EXPIRED, _S.CANCELLED, _S.STALE}),
    _S.EXECUTING: frozenset({_S.VERIFYING, _S.SUCCEEDED, _S.FAILED, _S.CANCELLED, _S.STALE}),
    _S.VERIFYING: frozenset({_S.SUCCEEDED, _S.REVERTED, _S.INCONCLUSIVE}),
    _S.SUCCEEDED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.FAILED: frozenset(),
    _S.REVERTED: frozenset(),
    _S.INCONCLUSIVE: frozenset(),
}
# Nobody can decide on it now: its evidence is out of date, or being gathered. Votes given before do not count.
NOT_ASKED_NOW: frozenset[ActionStatus] = frozenset({_S.STALE, _S.GATHERING_EVIDENCE})
OPEN_STATUSES: frozenset[ActionStatus] = frozenset(status for status, arrows in NEXT.items() if arrows)


class StepStatus(StrEnum):
    STARTED = "started"
    DONE = "done"


class Decision(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


class RejectionReason(StrEnum):
    """Why somebody said no, in one word that can be counted; what they wrote stands beside it."""

    NOT_CONVINCED = "not_convinced"
    WRONG_DIAGNOSIS = "wrong_diagnosis"
    TEMPORARY = "temporary"
    BAD_TIMING = "bad_timing"
    SOMETHING_FIRST = "something_first"
    OTHER = "other"


class ActorKind(StrEnum):
    """Who did something. A person outranks the agent."""

    AGENT = "agent"
    PERSON = "person"
    SYSTEM = "system"


class Role(StrEnum):
    """What a person may do; the table of who may what is `database/permissions.py`. Admin does not imply approver."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"


class Scope(StrEnum):
    """What an API key may do. No scope can decide an action."""

    PREDICT = "predict:write"
    LABELS = "labels:write"
    METRICS = "metrics:read"
    PROPOSE = "actions:propose"


class SlotStatus(StrEnum):
    """What became of a slot of a schedule."""

    CLAIMED = "claimed"  # its action was proposed
    SKIPPED = "skipped"
    SUPERSEDED = "superseded"  # a change of the model was open


class Automation(StrEnum):
    """The kill switch. `PAUSED`: the agent looks and asks but executes nothing. `STOPPED`: it does not even look."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


class Topic(StrEnum):
    """What a message to the world outside tells of."""

    VERSION_ACTIVATED = "version.activated"
    INCIDENT_TOLD = "incident.told"
    ACTION_ASKED = "action.asked"
    ACTION_APPROVED = "action.approved"
    ACTION_REJECTED = "action.rejected"
    ACTION_EXPIRED = "action.expired"
    ACTION_FAILED = "action.failed"
    ACTION_SUCCEEDED = "action.succeeded"
    ACTION_REVERTED = "action.reverted"
    ACTION_INCONCLUSIVE = "action.inconclusive"


class DeliveryStatus(StrEnum):
    """How far a message has come on one channel. `DEAD`: nobody tries any more, unless a person asks for it."""

    PENDING = "pending"
    SENT = "sent"
    DEAD = "dead"


class LabelSource(StrEnum):
    LABEL = "label"
    FEEDBACK = "feedback"


class WindowStatus(StrEnum):
    """A window collects predictions, waits for labels, and is then judged for good."""

    OPEN = "open"
    CLOSED = "closed"
    MATURE = "mature"


class DataSource(StrEnum):
    """Where training data came from. Synthetic data are said to be so wherever a version is shown."""

    UCI = "uci"
    DIRECTORY = "directory"
    SYNTHETIC = "synthetic"
    FILE = "file"
    TRAFFIC = "traffic"
