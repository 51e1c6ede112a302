"""send_alert (low): tell people about an incident: on the dashboard, and by a message in the outbox.

People count as told when the message stands in the outbox, in the transaction that ends the action. From there the
relay takes it to every channel; what a channel does not take is a dead letter that people see, and no second call.
"""

from sqlalchemy.orm import Session

from agent.actions.unasked import Unasked
from agent.core.work import Effect, Outcome, PermanentError
from database import messages
from database.queries import alerts, outbox
from database.queries.audit import AGENT

CHANNELS = ("dashboard", "outbox")


class SendAlert(Unasked):
    """The action."""

    def apply(self, session: Session, effect: Effect) -> Outcome:
        """Write the message, and remember on the incident that people were told."""
        action = effect.action
        if action.alert_id is None:
            raise PermanentError("this message is about no incident")
        severity = str(action.params.get("severity", "warning"))
        alert = alerts.note_sent(session, AGENT, action.alert_id, severity, CHANNELS)
        outbox.put(session, messages.of_incident(alert, action))
        return Outcome("people are told on the dashboard, and wherever messages go", {"channels": list(CHANNELS)})
