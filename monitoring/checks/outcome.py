"""What a check answers, and what a share of failing rows means."""

from dataclasses import dataclass
from typing import Any

from config.model_contract import Monitoring
from database.enums import Verdict
from database.models import DataQualityResult

# Failing rows below this part of the contract's `suspect_share` are the odd slip of any real source.
SLIP = 0.25


@dataclass(frozen=True)
class QualityCheck:
    """How one check of one window went: `failed_rows` of `n`. Details never hold a patient's row."""

    name: str
    column: str | None
    verdict: Verdict
    failed_rows: int
    n: int
    details: dict[str, Any]

    def to_row(self, model_id: int, window_id: int) -> DataQualityResult:
        return DataQualityResult(
            model_id=model_id,
            window_id=window_id,
            check_name=self.name,
            column_name=self.column,
            success=self.verdict is Verdict.OK,
            verdict=self.verdict,
            failed_rows=self.failed_rows,
            n=self.n,
            details=self.details,
        )


def passed(name: str, column: str | None, n: int, why: str) -> QualityCheck:
    """Looked, and found nothing."""
    return QualityCheck(name, column, Verdict.OK, 0, n, {"why": why})


def too_few(name: str, column: str | None, n: int, why: str) -> QualityCheck:
    """Could not look."""
    return QualityCheck(name, column, Verdict.INCONCLUSIVE, 0, n, {"why": why})


def graded(rules: Monitoring, failed: int, n: int) -> Verdict:
    """Failing rows by their share: a fault, a sign of one, or the odd slip."""
    if n < rules.min_rows:
        return Verdict.INCONCLUSIVE
    if failed / n >= rules.suspect_share:
        return Verdict.CRIT
    return Verdict.WARN if failed / n >= SLIP * rules.suspect_share else Verdict.OK
