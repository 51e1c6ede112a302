"""The kill switch: what the agent may do at all, who said so and why."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from database.connection import ReadSession
from database.crud import clock, locked
from database.enums import Automation
from database.errors import InvalidError
from database.models import AutomationSwitch
from database.queries.audit import Actor, append


def switch(session: Session | ReadSession) -> AutomationSwitch:
    """The one row, as it is committed."""
    return session.scalars(select(AutomationSwitch)).one()


def state(session: Session | ReadSession) -> Automation:
    """What the switch says now."""
    return Automation(session.scalars(select(AutomationSwitch.state)).one())


def held_state(session: Session) -> Automation:
    """What the switch says, and keeps saying until this transaction ends: a pause waits for what is taking effect."""
    return Automation(session.scalars(select(AutomationSwitch.state).with_for_update(read=True)).one())


def set_state(session: Session, actor: Actor, to: Automation, reason: str) -> AutomationSwitch:
    """Turn the switch; audited. The same state again is no change. Raises `InvalidError` without a reason."""
    if not reason.strip():
        raise InvalidError("reason: say in a few words why automation is being changed")
    row = session.scalars(locked(select(AutomationSwitch))).one()
    if row.state == to:
        return row
    before = row.state
    row.state, row.changed_by, row.reason = to, str(actor), reason.strip()
    row.changed_at = clock(session)
    session.flush()
    append(session, actor, f"automation.{to}", "automation", 1, {"from": before, "reason": row.reason})
    return row
