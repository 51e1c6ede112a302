"""`steward report`: what happened to a model in a period, as a PDF to file or to send.

The content is what the API would answer, read off the database by the same function; the pages are the dashboard's.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine

from api.period import period_report
from config.model_contract import load_contract
from config.settings import Settings
from database.connection import read_scope
from database.queries.actions import database_now
from database.queries.audit import Actor
from scripts.plain_speech import CommandFailedError
from ui.answers.period import PeriodReport
from ui.report import report_content, report_pdf


@dataclass(frozen=True)
class Written:
    """Where the report lies, and what it is about."""

    file: str
    bytes: int
    windows: int
    questions: int
    audit_verified: bool | None


def write(
    engine: Engine, settings: Settings, model: str, out: Path, *, days: int, actor: Actor, force: bool = False
) -> Written:
    """Make the report of the last `days`. Raises `CommandFailedError` rather than replace a file without `force`."""
    if out.exists() and not force:
        raise CommandFailedError(f"{out} is there already; --force overwrites it")
    contract = load_contract(model, settings.platform.contracts_dir)
    with read_scope(engine) as session:
        now = database_now(session)
        answer = period_report(
            session,
            contract,
            environment=settings.platform.env,
            from_at=now - timedelta(days=days),
            to_at=now,
            now=now,
        )
    found = PeriodReport.model_validate_json(answer.model_dump_json())
    pdf = report_pdf.render(report_content.content(found, made_by=str(actor)))
    out.write_bytes(pdf)
    return Written(str(out), len(pdf), found.totals.windows, found.oversight.questions, found.audit.verified)
