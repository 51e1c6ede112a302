"""generate_report (low): the Evidently page of a window, made in a process of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from agent.actions.command import PYTHON, run_json
from agent.actions.unasked import Unasked
from agent.core.work import Effect, Json, Outcome, PermanentError, Work
from database.connection import read_scope
from database.queries import windows

COMMAND = (*PYTHON, "monitoring.evidently_report")


@dataclass(frozen=True)
class GenerateReport(Unasked):
    """The action, with the command that draws."""

    command: Sequence[str] = COMMAND

    def prepare(self, work: Work) -> Json:
        """Draw the page, unless the window has one: of windows that alarm the monitor draws it in a calm moment."""
        window_id = int(work.claim.params["window_id"])
        with read_scope(work.engine) as session:
            report = windows.drift_report(session, window_id)
            made = report.report_path if report else None
        if made is not None:
            return {"ok": True, "report": made, "found": True}
        arguments = [*self.command, "--window", str(window_id)]
        limit = work.settings.agent.evidence_timeout_s
        return work.step("report", lambda: run_json(arguments, timeout_s=limit, interrupted=work.interrupted))

    def apply(self, session: Session, effect: Effect) -> Outcome:
        """Note where the page is. A window it cannot be drawn for is said to be so."""
        if effect.prepared.get("ok") is False:
            raise PermanentError(str(effect.prepared.get("says", "the report could not be made")))
        window = windows.get(session, int(effect.action.params["window_id"]))
        report = windows.drift_report(session, window.id)
        where = (report.report_path if report else None) or effect.prepared.get("report")
        found = bool(effect.prepared.get("found"))
        how = "was there already: the monitor had drawn it" if found else "was drawn"
        result = {"report": where, "window_id": window.id, "found": found}
        return Outcome(f"the drift report of window {window.seq} {how}", result)
