"""The life of an action as it is promised, in plain Python: no database, and a clock that counts minutes.

The state machine test asks this what must come of each event and compares the rows with it. It is written from the
rules as people are told them, not from the queries: who may decide, what an approval covers, who holds the work.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from database.enums import CHANGING, NEXT, ActionStatus, ActionType, Automation, Decision, Risk
from database.errors import ConflictError, ExpiredError, ForbiddenError, InvalidError, LeaseLostError, StaleError

S = ActionStatus
# In minutes, each a sum of the steps in which time passes: what really goes by meanwhile is far less than one of them.
LEASE, EXPIRES, DEADLINE = 2, 600, 1200
ATTEMPTS, CRASHES_FORGIVEN = 2, 3
APPROVERS = {ActionType.RETRAIN_MODEL: 1, ActionType.ROLLBACK_MODEL: 2, ActionType.COLLECT_DIAGNOSTICS: 0}
RISKS = {
    ActionType.RETRAIN_MODEL: Risk.MEDIUM,
    ActionType.ROLLBACK_MODEL: Risk.HIGH,
    ActionType.COLLECT_DIAGNOSTICS: Risk.LOW,
}
Refusal = type[Exception] | None


@dataclass(frozen=True)
class Page:
    """What somebody who opened the question saw: the action's version, and which asking it was."""

    version: int
    asking: int


@dataclass(frozen=True)
class Click:
    """One decision as it was sent; sent again it carries the same key."""

    person: str
    page: Page
    decision: Decision
    comment: str
    key: str


@dataclass
class Life:
    """One action as it must stand."""

    kind: ActionType
    asked_by: str
    about: int
    run_after: int
    seen: Counter[str]
    status: ActionStatus = S.PROPOSED
    version: int = 1
    epoch: int = 0
    owner: str | None = None
    until: int = 0
    attempts: int = 0
    crashes: int = 0
    asking: int = 0
    expires: int = 0
    target: int | None = None
    clicks: list[Click] = field(default_factory=list)
    reviewed: bool = False
    generation: int = 0
    executed: int = 0
    figure: str | None = None

    @property
    def changing(self) -> bool:
        return self.kind in CHANGING

    @property
    def needed(self) -> int:
        return APPROVERS[self.kind]

    @property
    def page(self) -> Page:
        return Page(self.version, self.asking)

    def move(self, to: ActionStatus) -> None:
        assert to in NEXT[self.status], (self.status, to)
        self.seen[f"{self.status} > {to}"] += 1
        self.status, self.version = to, self.version + 1
        if to is not S.EXECUTING:
            self.owner, self.attempts, self.crashes = None, 0, 0


@dataclass(frozen=True)
class Held:
    """A claim as its worker remembers it, whatever has become of it since."""

    life: Life
    epoch: int
    attempts: int
    gathering: bool

    @property
    def counts(self) -> bool:
        """Whether its worker still is the one who works on it."""
        working = self.life.status is (S.GATHERING_EVIDENCE if self.gathering else S.EXECUTING)
        return working and self.life.epoch == self.epoch and self.life.owner is not None


@dataclass
class World:
    """Everything the rules are about."""

    serving: int
    approvers: set[str]
    now: int = 0
    generation: int = 1
    switch: Automation = Automation.RUNNING
    lives: list[Life] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)

    @property
    def open(self) -> list[Life]:
        return [life for life in self.lives if NEXT[life.status]]

    # ------------------------------------------------------------------------------------------------------ people

    def propose(self, kind: ActionType, asked_by: str) -> Life:
        life = Life(kind, asked_by, self.serving, self.now, self.seen)
        life.move(S.GATHERING_EVIDENCE if life.changing else S.APPROVED)
        self.lives.append(life)
        return life

    def may_propose(self) -> Refusal:
        return ConflictError if any(life.changing for life in self.open) else None

    def voters(self, life: Life) -> set[str]:
        """Who approved exactly this asking, may still approve, and did not ask for it."""
        approved = {c.person for c in life.clicks if c.decision is Decision.APPROVE and c.page.asking == life.asking}
        return (approved & self.approvers) - {life.asked_by}

    def click(self, life: Life, click: Click) -> Refusal:
        """What comes of a decision."""
        if click.person not in self.approvers:
            return ForbiddenError
        if click in life.clicks:
            return None  # sent again: nothing is decided twice
        if (refusal := self._refusal(life, click)) is not None:
            return refusal
        life.clicks.append(click)
        if click.decision is Decision.REJECT or len(self.voters(life)) >= life.needed:
            life.reviewed = True
            life.move(S.REJECTED if click.decision is Decision.REJECT else S.APPROVED)
        return None

    def _refusal(self, life: Life, click: Click) -> Refusal:
        if life.status in {S.STALE, S.GATHERING_EVIDENCE} and life.asking:
            return StaleError
        if life.status is S.EXPIRED and not life.reviewed:
            return ExpiredError
        if life.status is not S.PENDING_APPROVAL:
            return ConflictError
        if click.person == life.asked_by:
            return ForbiddenError
        if self.now >= life.expires:
            return ExpiredError
        if any(c.person == click.person and c.page.asking == life.asking for c in life.clicks):
            return ConflictError
        if click.page != life.page:
            return StaleError
        if click.decision is Decision.APPROVE and self.serving != life.about:
            return StaleError
        return InvalidError if click.decision is Decision.REJECT and not click.comment else None

    def reevaluate(self, life: Life, page: Page) -> Refusal:
        """A person asks for newer evidence."""
        if life.status is S.GATHERING_EVIDENCE:
            return None
        if life.status is S.PENDING_APPROVAL and life.version > page.version:
            return None
        if not life.changing or life.status not in {S.PENDING_APPROVAL, S.STALE}:
            return ConflictError
        if life.status is S.PENDING_APPROVAL:
            if self.now >= life.expires:
                return ExpiredError
            life.move(S.STALE)
        self._regather(life)
        return None

    def _regather(self, life: Life) -> None:
        life.about, life.reviewed = self.serving, False
        life.move(S.GATHERING_EVIDENCE)

    # --------------------------------------------------------------------------------------------------- the agent

    def expire(self) -> None:
        for life in self.lives:
            if life.status in {S.PENDING_APPROVAL, S.APPROVED} and life.needed and self.now >= life.expires:
                life.move(S.EXPIRED)

    def refresh(self) -> None:
        for life in self.lives:
            if life.status is S.PENDING_APPROVAL and life.about != self.serving:
                life.move(S.STALE)
            if life.status is S.STALE:
                self._regather(life)

    def serve(self, version: int) -> None:
        self.serving, self.generation = version, self.generation + 1

    def watch(self) -> None:
        """Settle the changes whose test has an answer."""
        for life in self.lives:
            if life.status is not S.VERIFYING:
                continue
            if life.generation != self.generation:
                life.move(S.INCONCLUSIVE)
            elif life.figure == "good":
                life.move(S.SUCCEEDED)
            elif life.figure == "bad":
                if self.switch is Automation.RUNNING:
                    self.serve(life.about)
                    life.move(S.REVERTED)
            elif life.figure == "unclear" or self.now - life.executed >= DEADLINE:
                life.move(S.INCONCLUSIVE)

    # --------------------------------------------------------------------------------------------------- the workers

    def claim(self, worker: str, statuses: Collection[ActionStatus]) -> Held | None:
        """What a worker that looks for work gets; on the way, what cannot be begun ends or is asked about again."""
        if self.switch is Automation.STOPPED:
            return None
        if self.switch is Automation.PAUSED:
            statuses = {s for s in statuses if s is S.GATHERING_EVIDENCE}
        ready = [life for life in self.lives if life.status in statuses and self._ready(life)]
        if not ready:
            return None
        life = min(ready, key=lambda one: (RISKS[one.kind], self.lives.index(one)))
        crashed = life.owner is not None
        if crashed:
            self.seen["taken over"] += 1
        life.owner, life.until, life.epoch = worker, self.now + LEASE, life.epoch + 1
        life.crashes, life.attempts = life.crashes + crashed, life.attempts + (not crashed)
        if life.status is S.APPROVED and not self._begins(life):
            return None
        if life.crashes >= ATTEMPTS + CRASHES_FORGIVEN:
            life.move(S.FAILED)
            return None
        return Held(life, life.epoch, life.attempts, life.status is S.GATHERING_EVIDENCE)

    def _ready(self, life: Life) -> bool:
        if life.run_after > self.now or (life.owner is not None and life.until > self.now):
            return False
        in_flight = any(o.changing and o.status in {S.EXECUTING, S.VERIFYING} for o in self.lives if o is not life)
        return not (life.status is S.APPROVED and life.changing and in_flight)

    def _begins(self, life: Life) -> bool:
        if life.needed and self.now >= life.expires:
            life.move(S.EXPIRED)
            return False
        if len(self.voters(life)) < life.needed:
            life.move(S.STALE)
            return False
        life.move(S.EXECUTING)
        return True

    def extend(self, held: Held) -> Refusal:
        """A sign of life. It counts for whoever was the last to take the work, as long as somebody holds it."""
        if held.life.epoch != held.epoch or held.life.owner is None:
            return LeaseLostError
        held.life.until = self.now + LEASE
        return None

    def ends(self, held: Held, how: str, target: int | None) -> None:
        """A worker comes to its end. Whoever was taken over changes nothing any more."""
        life = held.life
        if not held.counts:
            self.seen["late write refused"] += 1
            return
        if how == "stopped":
            self._give_back(life, 0, spent=False)
        elif how == "no use":
            life.move(S.CANCELLED)
        elif how == "broken":
            life.move(S.FAILED)
        elif how == "later":
            if held.attempts >= ATTEMPTS:
                life.move(S.FAILED)
            else:
                self._give_back(life, 2 ** (held.attempts - 1), spent=True)
        elif held.gathering:
            assert target != life.target, "asked anew with the evidence of the asking before"
            life.target, life.asking, life.expires = target, life.asking + 1, self.now + EXPIRES
            life.move(S.PENDING_APPROVAL)
        elif self.switch is not Automation.RUNNING:
            self._give_back(life, 1, spent=False)
        else:
            self._takes_effect(life)

    def _give_back(self, life: Life, wait: int, *, spent: bool) -> None:
        life.owner, life.run_after = None, self.now + wait
        life.attempts -= not spent

    def _takes_effect(self, life: Life) -> None:
        if not life.changing:
            life.move(S.SUCCEEDED)
            return
        if self.now >= life.expires:
            life.move(S.CANCELLED)
        elif len(self.voters(life)) < life.needed or self.serving != life.about:
            life.move(S.STALE)
        else:
            assert life.target is not None
            self.serve(life.target)
            life.move(S.VERIFYING)
            life.executed, life.generation, life.figure = self.now, self.generation, None
