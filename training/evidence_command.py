"""What the two evidence commands share: an action in, one JSON object out, a sentence instead of a crash."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from loguru import logger
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from config.logging_config import configure_logging
from config.model_contract import ModelContract, load_contract
from config.segments import Segment
from config.settings import Settings
from config.yaml_source import ConfigError
from database.address import agent_database_url
from database.connection import ReadSession, first_line, is_away, make_engine, read_scope
from database.errors import NotFoundError, StewardError
from database.models import AgentAction, Alert, ModelVersion, MonitoringWindow
from database.queries import actions, model_versions
from training.evaluator import METRICS

Json = dict[str, Any]
_TEMPORARY = 75  # EX_TEMPFAIL: try again later


class NotEnoughError(StewardError):
    """The evidence cannot be gathered now; the message says what is missing."""

    code = "not_enough"


@dataclass(frozen=True)
class Case:
    """What evidence is wanted for. `harmed` names the metrics the loss was shown in, `lost` the part of the rows that
    lost when it was not all of them."""

    engine: Engine
    settings: Settings
    contract: ModelContract
    action_id: UUID
    champion: ModelVersion
    onset: datetime | None
    params: Json
    harmed: tuple[str, ...] = ()
    lost: Segment | None = None


def harmed_in(why: Json) -> tuple[str, ...]:
    """The metric the diagnosis behind an action shows a loss in; none when it shows none, as when a person asked."""
    named = (why.get("harm") or {}).get("metric")
    return (named,) if named in METRICS else ()


def part_lost_in(why: Json, contract: ModelContract) -> Segment | None:
    """The part of the rows the diagnosis behind an action shows a loss in; None when it was all of them."""
    stored = (why.get("harm") or {}).get("segment")
    return Segment.from_json(stored) if stored and stored["feature"] in contract.features else None


def _onset(session: Session | ReadSession, action: AgentAction) -> datetime | None:
    """Since when what the action is about is there: as it says, or the first window that showed its incident."""
    if (said := action.params.get("onset")) is not None:
        return datetime.fromisoformat(said)
    if action.alert_id is None:
        return None
    return session.scalars(
        select(MonitoringWindow.from_at)
        .join(Alert, Alert.first_window_id == MonitoringWindow.id)
        .where(Alert.id == action.alert_id)
    ).one_or_none()


def read_case(engine: Engine, settings: Settings, action_id: UUID) -> Case:
    """The action and what serves now. Raises `NotFoundError` for an unknown action, `NotEnoughError` if nothing
    serves."""
    with read_scope(engine) as session:
        action = actions.get(session, action_id)
        champion = model_versions.active(session, action.model_name)
        if champion is None:
            raise NotEnoughError(f"{action.model_name}: no version serves, so there is nothing to compare with")
        contract = load_contract(action.model_name, settings.platform.contracts_dir)
        case = Case(
            engine,
            settings,
            contract,
            action_id,
            champion,
            _onset(session, action),
            dict(action.params),
            harmed_in(action.why),
            part_lost_in(action.why, contract),
        )
        session.expunge(champion)
    return case


def naming(version: ModelVersion) -> Json:
    """How evidence names a version."""
    return {
        "version_id": version.id,
        "version": version.version,
        "algorithm": version.algorithm,
        "artifact_digest": version.artifact_digest,
    }


def run(prog: str, description: str, gather: Callable[[Case], Json], argv: Sequence[str] | None) -> int:
    """Print `{"ok": true, "evidence": …}` or `{"ok": false, "says": …}` as the last line of stdout.

    Exit code 0 in both cases: "there is too little to ask anybody" is an answer. 1 for a question that makes no sense,
    75 when the database is away or gave up on a question, and trying again may help.
    """
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--action-id", type=UUID, required=True, help="the action that asks for evidence")
    given = parser.parse_args(argv)
    settings = Settings()
    configure_logging(prog.rsplit(".", 1)[-1], level=settings.platform.log_level, as_json=settings.platform.log_json)
    engine = make_engine(agent_database_url(settings), settings.database, application=prog)
    code = 0
    try:
        evidence = gather(read_case(engine, settings, given.action_id))
        answer: Json = {
            "ok": True,
            "says": evidence["says"],
            "to_version_id": evidence["challenger"]["version_id"],
            "recommended": evidence["recommendation"] == "approve",
            "evidence": evidence,
        }
        logger.info("evidence.gathered action_id={} says={}", given.action_id, evidence["says"])
    except (NotFoundError, ConfigError) as error:
        answer, code = {"ok": False, "says": str(error)}, 1
    except StewardError as error:
        answer = {"ok": False, "says": str(error)}
        logger.info("evidence.not_enough action_id={} says={}", given.action_id, error)
    except SQLAlchemyError as error:
        if not is_away(error) and not isinstance(error, OperationalError):
            raise
        answer, code = {"ok": False, "says": f"the database cannot be used now: {first_line(error)}"}, _TEMPORARY
    finally:
        engine.dispose()
    sys.stdout.write(json.dumps(answer, allow_nan=False) + "\n")
    return code
