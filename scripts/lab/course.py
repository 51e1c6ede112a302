"""The life of one model under the agent, on simulated time: production's own rules, with memory in place of a database.

In each window the serving version answers. When it closes it is measured; then the window whose labels are due is
judged (`watch.py`), the change that is being watched is held to its test, and the agent looks: it diagnoses, keeps its
incidents, decides. What changes nothing is done at once. A question is asked with its evidence, and the scripted
approver says yes to what the evidence recommends and nothing to the rest. An approved version serves from the next
window on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from agent.core.choices import ActionProposal, PastAction
from agent.core.decision_engine import decide
from agent.core.diagnosis_engine import Diagnosis, diagnose
from agent.core.incidents import QUIET_WINDOWS, newer_without, told_by
from agent.core.signals import Incident, Signals
from agent.core.verifier import Figure, State, SuccessTest, verify
from agent.core.work import NotWorthAskingError
from config.agent_policy import AgentPolicy
from database.enums import CHANGING, ActionStatus, ActionType, Cause, Severity
from database.errors import StewardError
from database.queries.training_rows import LabelledRow
from scripts.lab.ground import Ground
from scripts.lab.learner import Version
from scripts.lab.played import Change, Played
from scripts.lab.proof import Asked, Evidence, evidence_for
from scripts.lab.watch import Served, Watch

APPROVER = "scripted approver"


@dataclass
class _Incident:
    """What people have been told about a cause, while it lasts."""

    id: int
    cause: Cause
    severity: Severity
    first_window: int
    last_window: int
    opened_window: int
    graded_window: int
    notified: Severity | None = None


@dataclass
class _Question:
    """A change that was asked for and may still have an outcome."""

    past: PastAction
    evidence: Evidence
    expires_at: datetime
    incident: int | None
    generation: int = 0
    executed_at: datetime | None = None


@dataclass
class Course:
    """The state of one life. `step` lives through its next window."""

    ground: Ground
    policy: AgentPolicy
    earlier: tuple[Version, ...] = ()  # served before the life began, the oldest first
    played: Played = field(default_factory=lambda: Played("agent"))
    _incidents: list[_Incident] = field(default_factory=list)
    _history: dict[UUID, PastAction] = field(default_factory=dict)
    _questions: dict[UUID, _Question] = field(default_factory=dict)
    _versions: list[Version] = field(default_factory=list)
    _says: list[dict[str, Any]] = field(default_factory=list)  # what was done in this window
    _effects: list[str] = field(default_factory=list)
    _count: int = 0  # numbers incidents and actions

    def __post_init__(self) -> None:
        self._now = self.ground.windows.spans[0].from_at
        self._watch = Watch(self.ground)
        for version in self.earlier:
            self._number(version)
        self._serving = Served(self._number(self.ground.first()), self.ground.first(), 1, 0, self._now)

    @property
    def known(self) -> tuple[Version, ...]:
        """Every version that has served, those before this life too."""
        return tuple(self._versions)

    def release(self, at: int, version: Version, *, slower: float = 1.0) -> None:
        """An operator puts a version in place before window `at`, with nobody asked."""
        self._activate(at - 1, "release", version, slower)

    def adopt(self, at: int, version: Version) -> None:
        """A question with this version as its answer was approved before window `at`: from then on it is watched."""
        self._count += 1
        past = PastAction(
            action_id=UUID(int=self._count),
            action_type=ActionType.RETRAIN_MODEL,
            cause=None,
            status=ActionStatus.PENDING_APPROVAL,
            created_at=self._now,
            ended_at=self._now,
            dry_run=False,
            dedupe_key=f"adopted:{self._count}",
            question="",
        )
        expires = self._now + self.policy.rule(past.action_type).expires
        evidence = Evidence(version, True, "adopted", 0)
        question = _Question(past, evidence, expires, None)
        self._questions[past.action_id] = question
        self._approve(at - 1, question)

    def step(self, at: int) -> None:
        """Live through one window."""
        span = self.ground.windows.spans[at]
        self._now, self._says, self._effects = span.to_at, [], []
        self._watch.close(at, self._serving)
        self.played.answers.append(self._watch.seen[at].scored)
        self._watch.judge_due(self._now)
        self._watch.compare_with_previous(self._serving, self._now)
        self._settle(at)
        self._expire()
        signals = self._watch.signals(self._serving, self._live(), self._now)
        diagnoses = diagnose(signals)
        self._look(at, signals, diagnoses)
        self._tell(at, diagnoses)

    # ------------------------------------------------------------------------------------------------------- the agent

    def _live(self) -> tuple[Incident, ...]:
        return tuple(
            Incident(one.id, one.cause, one.severity, one.notified, one.opened_window, one.graded_window)
            for one in self._incidents
        )

    def _look(self, at: int, signals: Signals, diagnoses: tuple[Diagnosis, ...]) -> None:
        self._close_quiet(signals, {d.cause for d in diagnoses})
        self._keep_incidents(at, diagnoses)
        signals = replace(signals, incidents=self._live())
        since = self._now - self.policy.escalation.within
        history = tuple(one for one in self._history.values() if one.created_at >= since)
        for choice in decide(diagnoses, self.policy, history, self._now, signals=signals):
            if isinstance(choice, ActionProposal):
                self._propose(at, choice)

    def _close_quiet(self, signals: Signals, seen: set[Cause]) -> None:
        self._incidents = [
            one
            for one in self._incidents
            if one.cause in seen or newer_without(one.cause, one.last_window, signals) < QUIET_WINDOWS
        ]

    def _keep_incidents(self, at: int, diagnoses: tuple[Diagnosis, ...]) -> None:
        causes = {*(one.cause for one in self._incidents), *(d.cause for d in diagnoses)}
        self._incidents = [one for one in self._incidents if not told_by(one.cause, causes)]
        for diagnosis in diagnoses:
            if told_by(diagnosis.cause, causes):
                continue
            first, last = (min(diagnosis.windows), max(diagnosis.windows)) if diagnosis.windows else (at + 1, at + 1)
            live = self._incident_of(diagnosis.cause)
            if live is None:
                self._count += 1
                self._incidents.append(
                    _Incident(self._count, diagnosis.cause, diagnosis.severity, first, last, last, last)
                )
            else:
                live.graded_window = live.graded_window if live.severity is diagnosis.severity else last
                live.severity, live.last_window = diagnosis.severity, max(live.last_window, last)

    def _incident_of(self, cause: Cause | None) -> _Incident | None:
        return next((one for one in self._incidents if one.cause is cause), None)

    # ---------------------------------------------------------------------------------------------------- what it does

    def _propose(self, at: int, proposal: ActionProposal) -> None:
        if any(one.dedupe_key == proposal.dedupe_key for one in self._history.values()):
            return
        for action_id in proposal.supersedes:
            self._end(action_id, ActionStatus.CANCELLED, "asked anew with newer evidence")
        self._count += 1
        past = PastAction(
            action_id=UUID(int=self._count),
            action_type=proposal.action_type,
            cause=proposal.cause,
            status=ActionStatus.PROPOSED,
            created_at=self._now,
            ended_at=self._now,
            dry_run=proposal.dry_run,
            dedupe_key=proposal.dedupe_key,
            question=proposal.question,
            why=proposal.why,
            onset=datetime.fromisoformat(proposal.params["onset"]) if "onset" in proposal.params else None,
        )
        self._history[past.action_id] = past
        if proposal.dry_run:
            self._end(past.action_id, ActionStatus.CANCELLED, "dry run")
        elif proposal.action_type in CHANGING:
            self._ask(at, past, quiet=bool(proposal.params.get("quiet")))
        else:
            if proposal.action_type is ActionType.SEND_ALERT and (incident := self._incident_of(proposal.cause)):
                incident.notified = Severity(proposal.params["severity"])
            self._end(past.action_id, ActionStatus.SUCCEEDED, "")

    def _end(self, action_id: UUID, status: ActionStatus, says: str) -> None:
        past = self._history[action_id]
        self._history[action_id] = replace(past, status=status, ended_at=self._now)
        self._questions.pop(action_id, None)
        self._note(past, status, says)

    def _note(self, past: PastAction, status: ActionStatus, says: str) -> None:
        line = {"action": past.action_type, "cause": past.cause, "status": status, "says": says}
        self._says.append({key: None if value is None else str(value) for key, value in line.items()})

    def _ask(self, at: int, past: PastAction, *, quiet: bool) -> None:
        incident = self._incident_of(past.cause)
        began = None if incident is None else self.ground.windows.spans[incident.first_window - 1].from_at
        onset = past.onset or began
        try:
            found = evidence_for(self._asked(at, past, onset, quiet=quiet))
        except (NotWorthAskingError, StewardError) as error:
            self._end(past.action_id, ActionStatus.CANCELLED, str(error))
            return
        self.played.trained += past.action_type is ActionType.RETRAIN_MODEL
        past = replace(
            past,
            status=ActionStatus.PENDING_APPROVAL,
            evidence_seq=max((one.row.seq for one in self._watch.seen if one.mature), default=0),
            recommended=found.recommended,
            evidence_rows=found.rows,
            onset=onset,
            learnt_since=found.learnt_since,
        )
        self._history[past.action_id] = past
        expires = self._now + self.policy.rule(past.action_type).expires
        question = _Question(past, found, expires, incident.id if incident else None)
        self._questions[past.action_id] = question
        if found.recommended:
            self._approve(at, question)
        else:
            self._note(past, past.status, f"not recommended: {found.says}")

    def _asked(self, at: int, past: PastAction, onset: datetime | None, *, quiet: bool) -> Asked:
        served = {self._number(version): version for version in self.earlier}
        served |= {one.served.number: one.served.version for one in self._watch.seen}
        served.pop(self._serving.number, None)
        return Asked(
            ground=self.ground,
            action_type=past.action_type,
            champion=self._serving.version,
            number=self._serving.number,
            earlier=served,
            sound=lambda since: self._sound(at, since),
            since=self._serving.since,
            onset=onset,
            why=past.why,
            quiet=quiet,
        )

    def _sound(self, at: int, since: int) -> Iterator[LabelledRow]:
        """Labelled rows of the windows from `since` on, newest first, but those whose labels were turned round."""
        for window in range(at, since - 1, -1):
            if self._watch.seen[window].labels_can_be_so:
                seen = self._watch.seen[window]
                yield from self.ground.labelled_in(window, self._now, seen.scored, seen.served.number)

    def _approve(self, at: int, question: _Question) -> None:
        past, old = question.past, self._serving
        self._activate(at, str(past.action_type), question.evidence.target)
        question.past = replace(past, status=ActionStatus.VERIFYING)
        question.executed_at, question.generation = self._now, self._serving.generation
        self._history[past.action_id] = question.past
        self._note(question.past, ActionStatus.VERIFYING, f"approved by the {APPROVER}: {question.evidence.says}")
        self._effects.append(f"v{self._serving.number} takes over from v{old.number}")

    def _activate(self, at: int, kind: str, target: Version, slower: float = 1.0) -> None:
        old = self._serving
        self.played.changes.append(Change(at, kind, old.version, target))
        number = self._number(target)
        self._serving = Served(number, target, old.generation + 1, at + 1, self._now, old, slower)
        self._watch.told = []

    def _number(self, version: Version) -> int:
        if version not in self._versions:
            self._versions.append(version)
        return self._versions.index(version) + 1

    # ------------------------------------------------------------------------------------------------------- afterwards

    def _settle(self, at: int) -> None:
        """Hold the change that is watched to the test that was written down before it."""
        for question in list(self._questions.values()):
            if question.past.status is not ActionStatus.VERIFYING or question.executed_at is None:
                continue
            if question.generation != self._serving.generation:
                says = "another version was put in place before this one could prove itself"
                self._end(question.past.action_id, ActionStatus.INCONCLUSIVE, says)
                continue
            figures = tuple(
                Figure(f.metric_value, f.low, f.high, f.n)
                for f in self._watch.told
                if f.metric_value is not None and f.low is not None and f.high is not None
            )
            verdict = verify(figures, self._test(), question.executed_at, self._now)
            if verdict.state is State.KEEP_WATCHING:
                continue
            if verdict.state is State.REVERTED and (before := self._serving.previous) is not None:
                self._activate(at, "revert", before.version)
                self._effects.append(f"v{before.number} serves again")
            if verdict.state is State.SUCCEEDED:
                self._incidents = [one for one in self._incidents if one.id != question.incident]
            self._end(question.past.action_id, ActionStatus(verdict.state), verdict.says)

    def _test(self) -> SuccessTest:
        rule = self.policy.verification
        return SuccessTest(
            self.ground.contract.quality.metric, rule.margin, rule.min_rows, rule.max_rows, rule.deadline
        )

    def _expire(self) -> None:
        for question in list(self._questions.values()):
            if question.past.status is ActionStatus.PENDING_APPROVAL and self._now >= question.expires_at:
                self._end(question.past.action_id, ActionStatus.EXPIRED, "nobody decided in time")

    def _tell(self, at: int, diagnoses: tuple[Diagnosis, ...]) -> None:
        seen, span = self._watch.seen[at], self.ground.windows.spans[at]
        self.played.timeline.append(
            {
                "window": at + 1,
                "from": span.from_at.isoformat(),
                "to": span.to_at.isoformat(),
                "n": span.n,
                "version": seen.served.number,
                "metric": self.ground.metric(at, seen.scored),
                "drift": str(seen.drift.verdict),
                "diagnosis": [
                    {"cause": str(d.cause), "issue": str(d.issue), "severity": str(d.severity), "says": d.says}
                    for d in diagnoses
                ],
                "actions": self._says,
                "effect": self._effects,
            }
        )
