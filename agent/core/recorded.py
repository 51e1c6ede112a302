"""What the agent wrote down about its passes and its actions, read back as the values that thinking takes. Pure.

The inverse of `observation.summary` and `Diagnosis.to_json`. What a version wrote that wrote something else raises
`KeyError`, `TypeError` or `ValueError`.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from agent.core.choices import PastAction
from agent.core.diagnosis_engine import Diagnosis, Rejected
from agent.core.harm import Harm
from agent.core.rules.finding import Fact
from agent.core.signals import Corrections, Figure, Incident, Signals, Window
from agent.core.track_record import Ended, Rule, distrusted
from config.vocabulary import LATENCY
from database.enums import ActionStatus, Cause, IssueType, MetricKind, Severity, Verdict

Json = dict[str, Any]


@dataclass(frozen=True)
class Look:
    """One recorded pass, as it was written down."""

    at: datetime
    observed: Json
    diagnoses: tuple[Json, ...]
    decisions: tuple[Json, ...]
    dry_run: bool = False


@dataclass(frozen=True)
class Deed:
    """An action that was really proposed: as it stands today, and how it moved."""

    action: PastAction
    by_agent: bool
    approvers: int
    moves: tuple[tuple[datetime, ActionStatus], ...]

    def as_of(self, moment: datetime) -> PastAction | None:
        """As it stood then; None before it was proposed."""
        moved = [(at, status) for at, status in self.moves if at <= moment]
        if not moved:
            return None
        at, status = moved[-1]
        return replace(self.action, status=status, ended_at=at)


@dataclass(frozen=True)
class Record:
    """All that is kept about one model: `promised` is what its contract says, the rest is oldest first."""

    promised: Signals
    looks: tuple[Look, ...]
    windows: tuple[Window, ...] = ()
    windows_read: int = 12
    deeds: tuple[Deed, ...] = ()
    told: tuple[tuple[datetime, int, Severity], ...] = ()  # when people were told about which incident, at which grade

    def taken_back_by(self, moment: datetime) -> frozenset[Rule]:
        """Of what the newest judged change had been taken back by then, as far as the actions that are kept go back."""
        found = (deed.as_of(moment) for deed in self.deeds)
        return distrusted(
            Ended(one.action_type, one.cause, one.status, True, one.dry_run, 1, one.ended_at) for one in found if one
        )


def signals_of(record: Record, look: Look) -> Signals:
    """What the pass knew, as far as deciding asks for it."""
    seen = look.observed
    latest, judged = seen["latest"], seen["judged"]
    named = {window for entry in look.diagnoses for window in entry["windows"]}
    until = latest["seq"] if latest else 0
    known = [w for w in record.windows if w.seq <= until or w.id in named][-record.windows_read :]
    matured = judged["seq"] if judged else 0
    own = seen["version_id"]
    windows = tuple(replace(w, mature=w.mature and (w.seq <= matured or w.version_id != own)) for w in known)
    for told in (latest, judged):
        windows = tuple(_as_told(w, told) if told and w.id == told["window_id"] else w for w in windows)
    return replace(
        record.promised,
        now=look.at,
        version_id=own,
        version=seen["version"],
        windows=windows,
        monitor_silent_s=0.0,
        corrections=_corrections(seen["corrections"]) if "corrections" in seen else None,
        incidents=tuple(
            Incident(
                one["alert_id"],
                Cause(one["cause"]),
                Severity(one["severity"]),
                _told(record, look, one),
                one.get("opened_window"),
                one.get("graded_window"),
            )
            for one in seen["incidents"]
        ),
    )


def _corrections(told: Json) -> Corrections:
    return Corrections(
        told["false_alarms"],
        told["missed"],
        told["of_serving"],
        tuple((str(key), int(n)) for key, n in told["by_key"]),
        datetime.fromisoformat(told["since"]),
        datetime.fromisoformat(told["newest_at"]),
    )


def _as_told(window: Window, told: Json) -> Window:
    """As the pass recorded it; what it did not record of a window and its figures is as it stands today."""
    today = {(f.kind, f.name, f.of, f.pooled): f for f in window.figures}
    seen = (_figure(entry) for entry in told["figures"])
    alike = ((figure, today.get((figure.kind, figure.name, figure.of, figure.pooled))) for figure in seen)
    return replace(
        window,
        mature=bool(told["mature"]),
        n=told["n"],
        labelled_n=told["labelled_n"],
        suspect_n=told["suspect_n"],
        figures=tuple(f if now is None else replace(f, trusted=now.trusted, part=now.part) for f, now in alike),
    )


def _figure(entry: Json) -> Figure:
    return Figure(
        name=entry["name"],
        kind=MetricKind(entry["kind"]),
        value=entry["value"],
        low=entry["low"],
        high=entry["high"],
        n=entry["n"],
        reference=entry["reference"],
        verdict=Verdict(entry["verdict"]),
        pooled=entry["pooled"],
        of=entry.get("of", ""),
    )


def _told(record: Record, look: Look, incident: Json) -> Severity | None:
    grades = [grade for at, alert, grade in record.told if at <= look.at and alert == incident["alert_id"]]
    return grades[-1] if grades else None


def diagnosis_of(entry: Json, signals: Signals) -> Diagnosis:
    """A diagnosis from what `Diagnosis.to_json` wrote."""
    return Diagnosis(
        cause=Cause(entry["cause"]),
        issue=IssueType(entry["issue"]),
        severity=Severity(entry["severity"]),
        support=entry["support"],
        says=entry["says"],
        facts_for=tuple(Fact(**fact) for fact in entry["for"]),
        facts_against=tuple(Fact(**fact) for fact in entry["against"]),
        rejected=tuple(
            Rejected(Cause(r["cause"]), IssueType(r["issue"]), r["support"], r["why"]) for r in entry["rejected"]
        ),
        windows=tuple(entry["windows"]),
        harm=_harm(entry["harm"], signals) if entry["harm"] else None,
        columns=tuple(entry.get("columns", ())),
    )


def _harm(entry: Json, signals: Signals) -> Harm:
    window_id, against, of = entry["window_id"], entry.get("against_version_id"), entry.get("segment", {}).get("of", "")
    window = next((w for w in signals.windows if w.id == window_id), None)
    kind, told = MetricKind(entry["kind"]), (entry["metric"], of, entry["value"], entry["n"])
    # How many windows the figure rests on, and which part of the rows, is kept with the window's figures.
    figures = window.of(kind) if window else ()
    alike = next((f for f in figures if (f.name, f.of, f.value, f.n) == told), None)
    low, high = entry["low"], entry["high"]
    # More is better, but of milliseconds less is: there the loss is what came on top.
    ends = (low, high) if entry["metric"] == LATENCY else (-high, -low)
    figure = Figure(
        name=entry["metric"],
        kind=kind,
        value=entry["value"],
        low=entry["reference"] + ends[0],
        high=entry["reference"] + ends[1],
        n=entry["n"],
        reference=entry["reference"],
        verdict=Verdict.CRIT,
        pooled=alike.pooled if alike else 1,
        of=of,
        part=alike.part if alike else None,
    )
    return Harm(figure, entry["loss"], low, high, window_id, signals.seq_of(window_id), against)
