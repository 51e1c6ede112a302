"""send_alert (low): tell people about an incident, on the dashboard always and in Slack where a webhook is set.

A worker that dies between the message and its record sends the message once more: a message twice is better than none.
"""

import httpx
from loguru import logger
from sqlalchemy.orm import Session

from agent.actions.unasked import Unasked
from agent.core.work import Effect, Json, Outcome, PermanentError, TemporaryError, Work
from database.connection import read_scope
from database.queries import alerts
from database.queries.audit import AGENT

_TIMEOUT_S = 10.0
PLACES = {"dashboard": "on the dashboard", "slack": "in Slack"}
_MOST = 2500


def _plain(text: str) -> str:
    """Slack reads & < > as markup; what comes from data must stay text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")[:_MOST]


class SendAlert(Unasked):
    """The action."""

    def prepare(self, work: Work) -> Json:
        """Send the message to every channel there is."""
        alert_id = work.claim.alert_id
        if alert_id is None:
            raise PermanentError("this message is about no incident")
        webhook = work.settings.notify.slack_webhook_url
        if webhook is None:
            return {"channels": ["dashboard"]}
        with read_scope(work.engine) as session:
            alert = alerts.get(session, alert_id)
            text = f"*{_plain(alert.title)}* ({alert.severity})\n{_plain(alert.message)}"
        if escalation := work.claim.params.get("escalation"):
            text += f"\n{_plain(str(escalation))}"
        return work.step("slack", lambda: _post(webhook.get_secret_value(), text))

    def apply(self, session: Session, effect: Effect) -> Outcome:
        """Remember on the incident that people were told."""
        action = effect.action
        if action.alert_id is None:
            raise PermanentError("this message is about no incident")
        channels = list(effect.prepared["channels"])
        severity = str(action.params.get("severity", "warning"))
        alerts.note_sent(session, AGENT, action.alert_id, severity, channels)
        where = " and ".join(PLACES.get(channel, channel) for channel in channels)
        return Outcome(f"people were told {where}", {"channels": channels})


def _post(url: str, text: str) -> Json:
    """One message. The address is a secret and stands in no message and no log."""
    try:
        answer = httpx.post(url, json={"text": text}, timeout=_TIMEOUT_S)
    except httpx.HTTPError as error:
        raise TemporaryError(f"Slack could not be reached ({type(error).__name__})") from None
    if answer.status_code >= 500 or answer.status_code == 429:
        raise TemporaryError(f"Slack answered {answer.status_code}")
    if answer.is_error:
        logger.error("agent.slack.refused status={}", answer.status_code)
        return {"channels": ["dashboard"], "slack": f"refused with {answer.status_code}"}
    return {"channels": ["dashboard", "slack"]}
