"""validate_data (low): put the suspect rows of a window into quarantine, so that nothing is ever trained on them."""

from uuid import UUID

from sqlalchemy.orm import Session

from agent.actions.unasked import Unasked
from agent.core.work import Effect, Outcome
from database.enums import Verdict
from database.queries import evidence, windows
from training.suspects import suspect_reasons

_CHUNK = 1000


class ValidateData(Unasked):
    """The action."""

    def apply(self, session: Session, effect: Effect) -> Outcome:
        """Go through the window's rows; rows that are in quarantine already stay as they are."""
        action = effect.action
        window = windows.get(session, int(action.params["window_id"]))
        rows, suspect, kept_out = 0, 0, 0
        reasons: dict[UUID, str] = {}
        for prediction_id, features in evidence.rows_of(session, window):
            rows += 1
            if found := suspect_reasons(effect.contract, features):
                suspect += 1
                reasons[prediction_id] = "; ".join(found)
            if len(reasons) >= _CHUNK:
                kept_out += evidence.quarantine(session, action.action_id, window.id, reasons)
                reasons = {}
        kept_out += evidence.quarantine(session, action.action_id, window.id, reasons)
        failed = [
            {"check": c.check_name, "column": c.column_name, "failed_rows": c.failed_rows, "n": c.n}
            for c in windows.checks_of(session, window.id)
            if c.verdict == Verdict.CRIT
        ]
        says = (
            f"{suspect} of {rows} rows of window {window.seq} hold a value that no sound source sends; "
            f"{kept_out} of them were set aside now and are never learned from"
        )
        return Outcome(says, {"rows": rows, "suspect": suspect, "quarantined": kept_out, "failed_checks": failed})
