"""Stands in for the training command: registers a version for the action and answers with evidence about it.

How it behaves is its first argument: `better`, `no` (too little data), `later` (try again), `crash`, `silent`, `slow`.
"""

import argparse
import json
import sys
import time
from uuid import UUID

from sqlalchemy import text

from config.settings import Settings
from database.address import database_url
from database.connection import make_engine, session_scope
from database.queries import model_versions
from database.queries.audit import SYSTEM
from tests.integration.agent.world import evidence_about, version_columns


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("behaviour")
    parser.add_argument("--action-id", type=UUID, required=True)
    given = parser.parse_args()
    if given.behaviour == "crash":
        raise RuntimeError("out of memory")
    if given.behaviour == "silent":
        return 0
    if given.behaviour == "slow":
        time.sleep(60)
    if given.behaviour in {"no", "later"}:
        sys.stdout.write(json.dumps({"ok": False, "says": "12 labelled rows, 30 are needed"}) + "\n")
        return 75 if given.behaviour == "later" else 0
    engine = make_engine(database_url(Settings()))
    with session_scope(engine) as session:
        version = model_versions.register(session, SYSTEM, **version_columns(action_id=given.action_id))
        session.execute(text("SELECT 1"))
    engine.dispose()
    sys.stdout.write("a line that is not the answer\n")
    sys.stdout.write(json.dumps({"ok": True, "evidence": evidence_about(version)}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
