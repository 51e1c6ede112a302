"""One pass on a real database: what it writes, and that it writes it once."""

import threading
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, select

from agent.core.choices import ActionProposal
from agent.core.cycle import put_forward
from agent.core.observation import read_signals
from config.agent_policy import AgentPolicy
from database.connection import ReadSession, session_scope
from database.enums import ActionStatus, ActionType, ActorKind, AlertStatus, Cause, IssueType, Risk, Severity, Verdict
from database.models import AgentAction, AgentCycle, Alert, AuditEvent
from database.queries import actions, alerts, audit
from database.queries.audit import SYSTEM, Actor
from tests.integration.agent.world import (
    CONTRACT,
    MODEL,
    POLICY,
    action_of,
    beat,
    behind_its_back,
    cycle,
    pending,
    register,
    reread,
    window,
)


def everything(engine: Engine) -> tuple[list[AgentAction], list[Alert], list[AgentCycle], int]:
    with session_scope(engine) as session:
        return (
            list(session.scalars(select(AgentAction).order_by(AgentAction.id))),
            list(session.scalars(select(Alert).order_by(Alert.id))),
            list(session.scalars(select(AgentCycle).order_by(AgentCycle.id))),
            len(list(session.scalars(select(AuditEvent)))),
        )


def test_a_pass_waits_for_a_person_who_proposes_without_holding_the_audit_chain(engine: Engine, champion: int) -> None:
    window(engine, champion)
    thinking = threading.Thread(target=cycle, args=(engine,))
    with session_scope(engine) as session:
        actions.lock_proposals(session, MODEL)
        thinking.start()
        time.sleep(0.7)
        audit.append(session, SYSTEM, "person.proposed", "model", MODEL)
    thinking.join(10)
    assert {a.action_type for a in everything(engine)[0]} >= {"send_alert"}


def test_a_question_is_not_withdrawn_for_one_that_was_asked_before(engine: Engine, champion: int) -> None:
    open_one = pending(engine, champion, register(engine))
    before = pending(engine, champion, register(engine), kind="rollback_model")
    proposal = ActionProposal(
        ActionType.RETRAIN_MODEL, Cause.CONCEPT_DRIFT, Risk.MEDIUM, requires_approval=True, approvers=1, attempts=1,
        dry_run=False, question="?", dedupe_key=before.dedupe_key, why={}, supersedes=(open_one.action_id,),
    )  # fmt: skip
    with session_scope(engine) as session:
        found = read_signals(session, CONTRACT, actions.database_now(session))
        assert put_forward(session, found, POLICY, proposal, None) is None
    assert reread(engine, open_one.action_id).status == "pending_approval"


def test_a_loss_opens_an_incident_tells_people_and_gathers_evidence(engine: Engine, champion: int) -> None:
    window(engine, champion)
    cycle(engine)
    made, incidents, passes, _ = everything(engine)
    assert {(a.action_type, a.status) for a in made} == {
        ("send_alert", "approved"),
        ("generate_report", "approved"),
        ("retrain_model", "gathering_evidence"),
    }
    assert [(i.cause, i.severity, i.status) for i in incidents] == [("covariate_shift_harmful", "critical", "active")]
    retrain = action_of(engine, "retrain_model")
    assert retrain.alert_id == incidents[0].id
    assert retrain.success_test is not None
    assert retrain.success_test["metric"] == "f1"
    assert retrain.why["inaction"]["per_day"] == 21.0
    assert passes[0].diagnoses[0]["rejected"]


def test_the_same_pass_twice_changes_nothing(engine: Engine, champion: int) -> None:
    window(engine, champion)
    cycle(engine)
    cycle(engine)  # records that the same is now left alone, and why
    before = everything(engine)
    cycle(engine)
    after = everything(engine)
    assert [len(part) for part in before[:3]] == [len(part) for part in after[:3]]
    assert before[3] == after[3]
    assert [a.version for a in before[0]] == [a.version for a in after[0]]
    assert before[1][0].updated_at == after[1][0].updated_at


def test_rivals_propose_once(engine: Engine, champion: int) -> None:
    window(engine, champion)
    faults: list[Exception] = []

    def think() -> None:
        try:
            cycle(engine)
        except Exception as error:  # noqa: BLE001  (shown by the test)
            faults.append(error)

    threads = [threading.Thread(target=think) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made, incidents, _, _ = everything(engine)
    assert (faults, len(made), len(incidents)) == ([], 3, 1)
    with session_scope(engine) as session:
        assert audit.verify(ReadSession(session)).ok


def test_a_dry_run_records_and_changes_nothing(engine: Engine, champion: int) -> None:
    window(engine, champion)
    cycle(engine, dry_run=True)
    made, _, passes, _ = everything(engine)
    assert {(a.status, a.outcome, a.dry_run) for a in made} == {("cancelled", "dry run", True)}
    assert len(made) == 3
    assert passes[0].dry_run


def test_a_silent_monitor_leads_to_nothing(engine: Engine) -> None:
    version = register(engine, serve=True)
    window(engine, version.id)
    report = cycle(engine)
    assert everything(engine)[:2] == ([], [])
    assert "never reported" in report.choices[0].why


def test_an_inconclusive_window_leads_to_no_change(engine: Engine, champion: int) -> None:
    window(engine, champion, verdict=Verdict.INCONCLUSIVE)
    cycle(engine)
    assert not [a for a in everything(engine)[0] if a.action_type == "retrain_model"]


def test_zeros_for_everybody_are_validated_and_nothing_is_learned_from_them(engine: Engine, champion: int) -> None:
    window(engine, champion, suspect_n=100, sentinel=True, clean=Verdict.INCONCLUSIVE)
    cycle(engine)
    made, incidents, _, _ = everything(engine)
    assert {a.action_type for a in made} == {"send_alert", "validate_data", "collect_diagnostics"}
    assert [i.cause for i in incidents] == ["data_fault"]


def test_an_old_question_is_replaced_when_the_loss_goes_on(engine: Engine, champion: int) -> None:
    window(engine, champion)
    to = register(engine)
    old = pending(engine, champion, to, params={"evidence_seq": 1})
    window(engine, champion)
    cycle(engine)
    assert action_of(engine, "retrain_model").action_id == old.action_id
    window(engine, champion)
    cycle(engine)
    with session_scope(engine) as session:
        let_go = actions.get(session, old.action_id)
        assert (let_go.status, let_go.outcome) == ("cancelled", "newer evidence")
    newer = action_of(engine, "retrain_model")
    assert newer.action_id != old.action_id
    assert newer.status == ActionStatus.GATHERING_EVIDENCE


def test_an_incident_ends_when_two_judged_windows_do_not_show_it(engine: Engine, champion: int) -> None:
    window(engine, champion)
    cycle(engine)
    window(engine, champion, lost=False, drift=0.0)
    cycle(engine)
    assert everything(engine)[1][0].status == AlertStatus.ACTIVE
    window(engine, champion, lost=False, drift=0.0)
    cycle(engine)
    ended = everything(engine)[1][0]
    assert (ended.status, ended.resolved_by) == ("resolved", "agent")


def test_one_incident_lives_while_the_loss_goes_on_and_is_told_once(engine: Engine, champion: int) -> None:
    for _ in range(4):
        window(engine, champion)
        cycle(engine)
        with session_scope(engine) as session:
            for alert in alerts.live(session, "heart_disease"):
                alerts.note_sent(session, SYSTEM, alert.id, alert.severity, ["dashboard"])
        beat(engine)
    made, incidents, _, _ = everything(engine)
    assert len(incidents) == 1
    assert incidents[0].occurrences == 4
    assert len([a for a in made if a.action_type == "send_alert"]) == 1


def test_when_everything_waits_even_a_message_does(engine: Engine, champion: int) -> None:
    careful: AgentPolicy = POLICY.model_copy(update={"autonomy": {"default": "suggest"}})
    window(engine, champion)
    cycle(engine, policy=careful)
    alert = action_of(engine, "send_alert")
    assert (alert.status, alert.requires_approval, alert.cause) == (
        "pending_approval", True, Cause.COVARIATE_SHIFT_HARMFUL,
    )  # fmt: skip
    assert alert.evidence_digest


def test_a_movement_of_the_inputs_has_one_incident_and_the_harmful_one_wins(engine: Engine, champion: int) -> None:
    window(engine, champion, lost=False)
    cycle(engine)
    window(engine, champion)
    cycle(engine)
    harmless, harmful = everything(engine)[1]
    assert (harmless.cause, harmless.status) == ("covariate_shift_harmless", "resolved")
    assert harmless.resolution_notes == "it turned out to do harm"
    assert (harmful.cause, harmful.status) == ("covariate_shift_harmful", "active")
    window(engine, champion, lost=False)
    report = cycle(engine)
    assert [d.cause for d in report.diagnoses] == [Cause.COVARIATE_SHIFT_HARMLESS]
    assert len(everything(engine)[1]) == 2
    assert report.proposed == ()


def test_when_the_harm_is_over_the_movement_may_be_called_harmless(engine: Engine, champion: int) -> None:
    window(engine, champion)
    cycle(engine)
    for _ in range(2):
        window(engine, champion, lost=False)
        cycle(engine)
    assert [(i.cause, i.status) for i in everything(engine)[1]] == [
        ("covariate_shift_harmful", "resolved"),
        ("covariate_shift_harmless", "active"),
    ]


def test_windows_that_are_too_faulty_to_judge_do_not_end_a_loss(engine: Engine, champion: int) -> None:
    window(engine, champion)
    cycle(engine)
    for _ in range(3):
        window(engine, champion, lost=False, suspect_n=96, sentinel=True, clean=Verdict.INCONCLUSIVE, drift=0.0)
        cycle(engine)
    found = {i.cause: i.status for i in everything(engine)[1]}
    assert found == {"covariate_shift_harmful": "active", "data_fault": "active"}


def test_what_a_person_closed_stays_closed_until_a_newer_window_shows_it(engine: Engine, champion: int) -> None:
    window(engine, champion)
    cycle(engine)
    with session_scope(engine) as session:
        (alert,) = alerts.live(session, "heart_disease")
        alerts.resolve(session, Actor(ActorKind.PERSON, "ann"), alert.id, "known and dealt with")
    report = cycle(engine)
    assert [i.status for i in everything(engine)[1]] == ["resolved"]
    assert "a person closed this" in report.choices[0].why
    window(engine, champion)
    cycle(engine)
    assert [i.status for i in everything(engine)[1]] == ["resolved", "active"]


def course(engine: Engine, version_id: int, *, every_window: bool) -> dict[str, list[tuple[object, ...]]]:
    """A loss between sound windows, looked at after each window or only at the end; what came of it."""
    for lost in (False, True, False, True, False, False, False):
        window(engine, version_id, lost=lost, drift=0.5 if lost else 0.0)
        if every_window:
            cycle(engine)
    cycle(engine)
    made, incidents, passes, _ = everything(engine)
    return {
        "actions": [(a.action_type, a.cause, a.status, a.dedupe_key.split(":")[:4]) for a in made],
        "incidents": [(i.cause, i.severity, i.status, i.occurrences) for i in incidents],
        "looks": [(p.observed["judged"]["seq"], [d["cause"] for d in p.diagnoses]) for p in passes],
    }


def test_what_the_agent_concludes_depends_on_the_windows_and_not_on_when_it_looks(
    engine: Engine, champion: int
) -> None:
    late = course(engine, champion, every_window=False)
    assert [cause for cause, *_ in late["incidents"]] == ["covariate_shift_harmful"]
    assert late["incidents"][0][2:] == ("resolved", 2)
    assert [seq for seq, _ in late["looks"]] == [1, 2, 3, 4, 5, 6, 7]
    assert "retrain_model" in {kind for kind, *_ in late["actions"]}


def test_looking_often_comes_to_the_same_as_looking_once(engine: Engine, champion: int) -> None:
    often = course(engine, champion, every_window=True)
    assert [cause for cause, *_ in often["incidents"]] == ["covariate_shift_harmful"]
    assert often["incidents"][0][2:] == ("resolved", 2)
    assert [seq for seq, _ in often["looks"]] == [1, 2, 3, 4, 5, 6, 7]
    assert "retrain_model" in {kind for kind, *_ in often["actions"]}


def test_a_window_that_was_looked_at_is_not_looked_at_again(engine: Engine, champion: int) -> None:
    window(engine, champion)
    cycle(engine)
    with session_scope(engine) as session:
        (alert,) = alerts.live(session, MODEL)
        alerts.resolve(session, Actor(ActorKind.PERSON, "ann"), alert.id, "known and dealt with")
    window(engine, champion, lost=False, drift=0.0)
    cycle(engine)
    assert [(i.cause, i.status) for i in everything(engine)[1]] == [("covariate_shift_harmful", "resolved")]


def test_windows_that_were_judged_while_the_monitor_seemed_silent_are_looked_at_when_it_is_back(engine: Engine) -> None:
    version = register(engine, serve=True)
    window(engine, version.id)
    cycle(engine)
    window(engine, version.id, lost=False, drift=0.0)
    beat(engine)
    cycle(engine)
    assert [i.cause for i in everything(engine)[1]] == ["covariate_shift_harmful"]


def test_a_thin_proof_is_gathered_again_when_there_are_many_more_rows_and_a_dry_run_withdraws_nothing(
    engine: Engine, champion: int
) -> None:
    first = window(engine, champion, lost=False, drift=0.0)
    cycle(engine)
    told: dict[str, Any] = {"params": {"evidence_seq": 1}, "recommended": False, "why": {"harm": {"metric": "f1"}}}
    thin = pending(engine, champion, register(engine), **told)
    with session_scope(engine) as session:
        facts = alerts.IncidentFacts(
            IssueType.PERFORMANCE_DEGRADATION, Severity.WARNING, "it goes on", "it goes on", {}, (first.id,)
        )
        alerts.keep(session, SYSTEM, thin.model_name, Cause.CONCEPT_DRIFT, facts)
    window(engine, champion, lost=False, drift=0.0)
    cycle(engine, dry_run=True)
    assert reread(engine, thin.action_id).status == "pending_approval"
    cycle(engine)
    assert (reread(engine, thin.action_id).status, reread(engine, thin.action_id).outcome) == (
        "cancelled", "newer evidence",
    )  # fmt: skip
    anew = action_of(engine, "retrain_model")
    assert (anew.status, anew.question, anew.why) == ("gathering_evidence", "?", {"harm": {"metric": "f1"}})


def test_after_a_change_was_taken_back_one_more_person_is_asked_where_the_page_says_so(
    engine: Engine, champion: int
) -> None:
    with behind_its_back(engine) as session:
        long_ago = actions.database_now(session) - timedelta(days=40)
        session.add(
            AgentAction(
                action_id=uuid4(), model_name=MODEL, action_type=ActionType.RETRAIN_MODEL, status="reverted",
                cause=Cause.COVARIATE_SHIFT_HARMFUL, risk_level=2, requires_approval=True, approvers_needed=1,
                dedupe_key="taken back", question="?", why={}, proposed_by="agent:agent", created_at=long_ago,
                updated_at=long_ago, verified_at=long_ago,
            )
        )  # fmt: skip
    wary = POLICY.escalation.model_copy(update={"after_revert_approvers": 1})
    window(engine, champion)
    cycle(engine, policy=POLICY.model_copy(update={"escalation": wary}))
    asked = action_of(engine, "retrain_model")
    assert (asked.status, asked.approvers_needed) == ("gathering_evidence", 2)
    assert asked.why["more_people"].startswith("the last such change was taken back")
