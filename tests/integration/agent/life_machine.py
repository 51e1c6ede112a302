"""Everything that can happen to the actions of one model, as the rules of a hypothesis state machine.

The functions and the database are the real ones. After every rule each row must stand where `action_model.py` puts it.
"""

from collections.abc import Callable
from uuid import UUID, uuid4

from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
)
from sqlalchemy import text

from agent.core.aftercare import watch_changes
from agent.core.approval_manager import decide, expire_overdue
from agent.core.asking import propose, put_question
from agent.core.asking_again import reevaluate, refresh_stale
from agent.core.executor import EXECUTING, GATHERING
from agent.core.transitions import move
from database.connection import session_scope
from database.enums import CHANGING, ActionStatus, ActionType, Automation, Decision, Role
from database.queries import actions, automation, model_versions
from database.queries.audit import AGENT, SYSTEM
from tests.integration.agent import action_model as promised
from tests.integration.agent.action_model import Click, Life, World
from tests.integration.agent.machine_ground import MINUTE, NOTE, PAGE, RETRAIN, ROLLBACK, aged, wiped
from tests.integration.agent.watched_machine import WORKERS, WatchedMachine
from tests.integration.agent.world import MODEL, TESTER, register, reread, user, verification

PEOPLE = ("ann", "bob", "cleo")
STARTS = ("nothing", "proposed", "asked", "approved", "under way", "in effect")

# The first of them is among those whose approval counts most often, and so is whether that one still may.
names, workers, picks = st.sampled_from(("ann", *PEOPLE)), st.sampled_from(WORKERS), st.integers(0, 2)
# Mostly the page as it is now; now and then one that has been open for a while.
old = st.sampled_from((False, False, False, True))


class LifeOfAnAction(WatchedMachine):
    """One model with up to three open actions, three people and three workers."""

    @initialize(start=st.sampled_from((*STARTS, *STARTS[2:], *STARTS[2:])), kind=st.sampled_from((RETRAIN, ROLLBACK)))
    def begins(self, start: str, kind: ActionType) -> None:
        """An empty world, or one in which a question has already come some way."""
        wiped(self.engine)
        self.people = {name: user(self.engine, name, Role.APPROVER) for name in PEOPLE}
        self.versions = [register(self.engine, serve=True).id]
        self.world = World(self.versions[0], set(PEOPLE), seen=self.seen)
        self.seen["examples"] += 1
        way: list[Callable[[], None]] = [
            lambda: self.the_agent_proposes(kind),
            lambda: self.a_worker_does_all_of_it(0, GATHERING),
            lambda: self.everybody_approves(0),
            lambda: self.a_worker_looks_for_work("w1", EXECUTING),
            lambda: self.a_worker_comes_to_the_end(0),
        ]
        for step in way[: STARTS.index(start)]:
            step()
            self.every_row_stands_where_the_promises_put_it()

    # -------------------------------------------------------------------------------------------------------- people

    @rule(kind=st.sampled_from((RETRAIN, ROLLBACK)), name=names)
    def a_person_asks_for_a_change(self, kind: ActionType, name: str) -> None:
        with self.comes_to(self.world.may_propose()) as made, session_scope(self.engine) as session:
            action = propose(
                session, model_name=MODEL, action_type=kind, user_name=name, reason="why not", params={}, policy=PAGE
            )
            made.append(action.action_id)
        if made:
            self._made(self.world.propose(kind, name), made[0])

    @precondition(lambda self: len(self.world.open) < 3)
    @rule(kind=st.sampled_from((RETRAIN, ROLLBACK, NOTE)))
    def the_agent_proposes(self, kind: ActionType) -> None:
        action_id = uuid4()
        with session_scope(self.engine) as session:
            champion = model_versions.active(session, MODEL)
            assert champion is not None
            if kind in CHANGING:
                action = put_question(
                    session, AGENT, PAGE, champion, action_id=action_id, action_type=kind, dedupe_key=str(action_id),
                    question="?", why={}, facts={},
                )  # fmt: skip
                move(session, AGENT, action, ActionStatus.GATHERING_EVIDENCE)
            else:
                note = actions.insert_once(
                    session, action_id=action_id, model_name=MODEL, action_type=kind, risk_level=promised.RISKS[kind],
                    requires_approval=False, dedupe_key=str(action_id), question="?", why={}, proposed_by=str(AGENT),
                    max_attempts=promised.ATTEMPTS,
                )  # fmt: skip
                assert note is not None
                move(session, AGENT, note, ActionStatus.APPROVED)
        self._made(self.world.propose(kind, str(AGENT)), action_id)

    def _made(self, life: Life, action_id: UUID) -> None:
        assert self.world.lives[-1] is life
        self.ids.append(action_id)
        self.pages.append({})

    @precondition(lambda self: self.asked())
    @rule(name=names, at=picks, back=old, decision=st.sampled_from((Decision.APPROVE,) * 5 + (Decision.REJECT,)))
    def somebody_decides(self, name: str, at: int, back: bool, decision: Decision) -> None:
        life = self.pick(self.asked(), at)
        known = self.pages[self.number(life)]
        page = next(iter(known)) if back else list(known)[-1]
        comment = "" if decision is Decision.REJECT and at else "because"
        self._send(life, Click(name, page, decision, comment, uuid4().hex), known[page])

    @precondition(lambda self: self.asked())
    @rule(at=picks)
    def everybody_approves(self, at: int) -> None:
        life = self.pick(self.asked(), at)
        page, digest = list(self.pages[self.number(life)].items())[-1]
        for name in PEOPLE:
            self._send(life, Click(name, page, Decision.APPROVE, "", uuid4().hex), digest)

    @precondition(lambda self: self.sent)
    @rule(at=st.integers(0, 9))
    def a_click_is_sent_again(self, at: int) -> None:
        self._send(*self.pick(self.sent, at))

    def _send(self, life: Life, click: Click, digest: str) -> None:
        with self.comes_to(self.world.click(life, click)), session_scope(self.engine) as session:
            decide(
                session, action_id=self.ids[self.number(life)], user_id=self.people[click.person].id,
                user_name=click.person, decision=click.decision, comment=click.comment, evidence_digest=digest,
                seen_version=click.page.version, idempotency_key=click.key,
            )  # fmt: skip
        self.sent.append((life, click, digest))

    @precondition(lambda self: self.asked())
    @rule(name=names, at=picks, back=old)
    def somebody_asks_for_newer_evidence(self, name: str, at: int, back: bool) -> None:
        life = self.pick(self.asked(), at)
        known = list(self.pages[self.number(life)])
        page = known[0 if back else -1]
        with self.comes_to(self.world.reevaluate(life, page)), session_scope(self.engine) as session:
            reevaluate(
                session, action_id=self.ids[self.number(life)], user_name=name, seen_version=page.version, reason=""
            )

    @rule(name=names)
    def a_role_is_taken_or_given_back(self, name: str) -> None:
        self.world.approvers ^= {name}
        roles = [Role.APPROVER] if name in self.world.approvers else [Role.VIEWER]
        with self.engine.begin() as connection:
            connection.execute(
                text("UPDATE users SET roles = :roles WHERE name = :name"), {"roles": roles, "name": name}
            )

    @rule(to=st.sampled_from((Automation.RUNNING, Automation.RUNNING, Automation.PAUSED, Automation.STOPPED)))
    def the_switch_is_turned(self, to: Automation) -> None:
        with session_scope(self.engine) as session:
            automation.set_state(session, SYSTEM, to, "because")
        self.world.switch = to

    # ------------------------------------------------------------------------------------------------ clock and world

    @rule(minutes=st.sampled_from((1, 3, 300, 600)))
    def time_goes_by(self, minutes: int) -> None:
        aged(self.engine, minutes)
        self.world.now += minutes

    @rule(back=st.booleans())
    def another_version_is_put_in_place(self, back: bool) -> None:
        others = [version for version in self.versions if version != self.world.serving]
        version_id = others[-1] if back and others else register(self.engine).id
        with session_scope(self.engine) as session:
            model_versions.activate(
                session, TESTER, model_versions.get(session, version_id), expected_active_id=self.world.serving,
                reason="by hand",
            )  # fmt: skip
        self.known(version_id)
        self.world.serve(version_id)

    @precondition(lambda self: self.watched() is not None)
    @rule(shows=st.sampled_from(("good", "bad", "bad", "unclear")), seen_at_once=st.booleans())
    def figures_come_in(self, shows: str, seen_at_once: bool) -> None:
        life = self.watched()
        assert life is not None
        rule_ = PAGE.verification
        value, half, n = {
            "good": (0.15, 0.1, rule_.min_rows), "bad": (-0.4, 0.1, rule_.min_rows),
            "unclear": (0.0, 0.5, rule_.max_rows),
        }[shows]  # fmt: skip
        verification(self.engine, reread(self.engine, self.ids[self.number(life)]), value, half, n)
        life.figure = shows
        if seen_at_once:
            self.the_agent_watches_its_changes()

    # ------------------------------------------------------------------------------------------------------ the agent

    @rule()
    def the_agent_looks_after_its_questions(self) -> None:
        with session_scope(self.engine) as session:
            expire_overdue(session)
        self.world.expire()

    @rule()
    def the_agent_takes_back_what_is_stale(self) -> None:
        with session_scope(self.engine) as session:
            refresh_stale(session)
        self.world.refresh()

    @rule()
    def the_agent_watches_its_changes(self) -> None:
        with session_scope(self.engine) as session:
            watch_changes(session, actions.database_now(session))
        self.world.watch()

    # ---------------------------------------------------------------------------------------------------- the workers

    @rule(name=workers, statuses=st.sampled_from((GATHERING, EXECUTING)))
    def a_worker_looks_for_work(self, name: str, statuses: frozenset[ActionStatus]) -> None:
        if name in self.held:
            self.goes_on(name, "on")
            return
        held = self.world.claim(name, statuses)
        assert self.workers[name].begin(self.executors[name], statuses) == (held is not None)
        if held is not None:
            self.held[name] = held

    @precondition(lambda self: self.held)
    @rule(at=picks, how=st.sampled_from(("on", "on", "on", "on", "stopped", "later", "broken", "no use", "dies")))
    def a_worker_goes_on(self, at: int, how: str) -> None:
        self.goes_on(self.pick(list(self.held), at), how)

    @precondition(lambda self: self.held)
    @rule(at=picks)
    def a_worker_comes_to_the_end(self, at: int) -> None:
        name = self.pick(list(self.held), at)
        while name in self.held:
            self.goes_on(name, "on")

    @precondition(lambda self: len(self.held) < len(WORKERS))
    @rule(at=picks, statuses=st.sampled_from((GATHERING, EXECUTING)))
    def a_worker_does_all_of_it(self, at: int, statuses: frozenset[ActionStatus]) -> None:
        name = self.pick([one for one in WORKERS if one not in self.held], at)
        self.a_worker_looks_for_work(name, statuses)
        while name in self.held:
            self.goes_on(name, "on")

    def goes_on(self, name: str, how: str) -> None:
        worker = self.workers[name]
        if worker.go_on(how):
            return
        held = self.held.pop(name)
        if how != "dies":
            self.world.ends(held, how, worker.target)
        if worker.target is not None:
            self.known(worker.target)

    @precondition(lambda self: 0 < len(self.held) < len(WORKERS))
    @rule(at=picks)
    def a_worker_is_silent_until_another_looks(self, at: int) -> None:
        held = self.held[self.pick(list(self.held), at)]
        self.time_goes_by(promised.LEASE)
        name = self.pick([one for one in WORKERS if one not in self.held], at)
        self.a_worker_looks_for_work(name, GATHERING if held.gathering else EXECUTING)

    @precondition(lambda self: self.held)
    @rule(at=picks)
    def a_worker_gives_a_sign_of_life(self, at: int) -> None:
        held = self.held[self.pick(list(self.held), at)]
        action_id = self.ids[self.number(held.life)]
        with self.comes_to(self.world.extend(held)), session_scope(self.engine) as session:
            actions.extend_lease(session, action_id, held.epoch, promised.LEASE * MINUTE)
