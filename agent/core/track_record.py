"""How often the agent was right, by what it thought was wrong and what it did about it. Pure.

Right or wrong is only what changed what serves and was watched afterwards: it proved itself, or it was taken back. What
could not be told is undecided and counts on neither side. What changes nothing has no right or wrong, only done and
failed. Dry runs count nowhere, and neither does what was called off before anybody decided it.

People see this record beside every question, instead of a bare figure of confidence. It never gives the agent freedom:
whatever changes what serves waits for people, and the database holds that, however good the record is. It takes some
away at once where the policy says so: after a change was taken back, the next of its kind needs more people
(`distrusted`), until one of them proved itself.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from database.enums import CHANGING, ActionStatus, ActionType, Cause

# With fewer judged ones than this a record tells little.
FEW = 5
Rule = tuple[ActionType, Cause | None]


@dataclass(frozen=True)
class Ended:
    """Actions that ended alike. `cause` None: a person or the calendar asked. `verified`: watched to an answer."""

    action_type: ActionType
    cause: Cause | None
    status: ActionStatus
    verified: bool
    dry_run: bool
    times: int
    last_at: datetime


@dataclass(frozen=True)
class TrackRecord:
    """What became of all actions of a kind, for one cause or (`cause` None in a record of a kind) for all."""

    action_type: ActionType
    cause: Cause | None
    right: int
    taken_back: int
    undecided: int
    failed: int
    refused: int
    expired: int
    done: int
    last_taken_back: bool  # of those that were judged, the newest

    @property
    def changes(self) -> bool:
        """Whether this kind of action changes what serves."""
        return self.action_type in CHANGING

    @property
    def judged(self) -> int:
        return self.right + self.taken_back

    @property
    def words(self) -> str:
        """`right 14 of 16; 2 taken back, 1 undecided`: the undecided one is not among the 16."""
        besides = (
            (self.taken_back, "taken back"),
            (self.undecided, "undecided"),
            (self.failed, "failed"),
            (self.refused, "refused by people"),
            (self.expired, "expired"),
        )
        told = ", ".join(f"{n} {what}" for n, what in besides if n)
        first = self._first()
        return f"{first}; {told}" if told else first

    def _first(self) -> str:
        if not self.changes:
            return f"done {self.done}" if self.done else "never done before"
        if self.judged:
            return f"right {self.right} of {self.judged}"
        return "never judged yet" if self.undecided or self.failed else "never tried before"

    @property
    def caution(self) -> str | None:
        """Why the record is not to be leant on, if so."""
        if not self.changes:
            return None
        few = None
        if not self.judged:
            few = "There is nothing to go by yet."
        elif self.judged < FEW:
            few = f"Only {self.judged} {'was' if self.judged == 1 else 'were'} judged: too few to rely on."
        last = "The last one was taken back." if self.last_taken_back else None
        return " ".join(told for told in (last, few) if told) or None


def of_rules(ended: Iterable[Ended]) -> tuple[TrackRecord, ...]:
    """One record for each cause and kind of action that came up; changes of what serves first."""
    found = list(ended)
    keys = {(e.action_type, e.cause) for e in found if _counts(e)}
    return tuple(of_rule(found, kind, cause) for kind, cause in sorted(keys, key=_place))


def of_kinds(ended: Iterable[Ended]) -> tuple[TrackRecord, ...]:
    """One record for each kind of action that came up, whatever it was done for."""
    found = list(ended)
    kinds = {(e.action_type, None) for e in found if _counts(e)}
    return tuple(of_kind(found, kind) for kind, _ in sorted(kinds, key=_place))


def of_rule(ended: Iterable[Ended], action_type: ActionType, cause: Cause | None) -> TrackRecord:
    """The record of one kind of action for one cause."""
    return _record(action_type, cause, [e for e in ended if (e.action_type, e.cause) == (action_type, cause)])


def of_kind(ended: Iterable[Ended], action_type: ActionType) -> TrackRecord:
    """The record of one kind of action for all causes."""
    return _record(action_type, None, [e for e in ended if e.action_type is action_type])


def distrusted(ended: Iterable[Ended]) -> frozenset[Rule]:
    """The causes and kinds of change of which the newest that was judged was taken back."""
    return frozenset((one.action_type, one.cause) for one in of_rules(ended) if one.last_taken_back)


def _record(action_type: ActionType, cause: Cause | None, ended: Sequence[Ended]) -> TrackRecord:
    counted = [e for e in ended if _counts(e)]
    changes = action_type in CHANGING

    def times(which: Callable[[Ended], bool]) -> int:
        return sum(e.times for e in counted if which(e))

    def in_status(status: ActionStatus) -> int:
        return times(lambda e: e.status is status)

    right = times(_right)
    succeeded = in_status(ActionStatus.SUCCEEDED)
    unwatched = succeeded - right if changes else 0
    return TrackRecord(
        action_type,
        cause,
        right=right,
        taken_back=in_status(ActionStatus.REVERTED),
        undecided=in_status(ActionStatus.INCONCLUSIVE) + unwatched,
        failed=in_status(ActionStatus.FAILED),
        refused=in_status(ActionStatus.REJECTED),
        expired=in_status(ActionStatus.EXPIRED),
        done=0 if changes else succeeded,
        last_taken_back=_last_taken_back(counted),
    )


def _last_taken_back(counted: Iterable[Ended]) -> bool:
    judged = [(e.last_at, e.status is ActionStatus.REVERTED) for e in counted if _right(e) or _wrong(e)]
    return max(judged)[1] if judged else False  # of two at the same instant, the worse


def _right(one: Ended) -> bool:
    return one.action_type in CHANGING and one.status is ActionStatus.SUCCEEDED and one.verified


def _wrong(one: Ended) -> bool:
    return one.status is ActionStatus.REVERTED


_COUNTED = frozenset(
    {
        ActionStatus.SUCCEEDED,
        ActionStatus.REVERTED,
        ActionStatus.INCONCLUSIVE,
        ActionStatus.FAILED,
        ActionStatus.REJECTED,
        ActionStatus.EXPIRED,
    }
)


def _counts(one: Ended) -> bool:
    return one.status in _COUNTED and not one.dry_run


def _place(key: Rule) -> tuple[bool, int, int]:
    kind, cause = key
    causes = list(Cause)
    return kind not in CHANGING, list(ActionType).index(kind), len(causes) if cause is None else causes.index(cause)
