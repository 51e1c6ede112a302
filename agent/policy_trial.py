"""A policy page that somebody thinks of: is it valid, how does it differ, and what would it have done lately?

The page in force is a file that a deployment brings (decision 23); nothing here writes one.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff

from agent.core.policy_concerns import concerns
from agent.policy_history import History, decided_again
from config.agent_policy import parse_policy
from config.model_contract import ModelContract
from config.yaml_source import ConfigError, lines_of
from database.connection import ReadSession

NAME = "page"
_FAULT = re.compile(rf"{NAME}(?::(?P<line>\d+))?: (?:(?P<field>[\w.()\[\]-]+): )?(?P<says>.*)", re.DOTALL)


@dataclass(frozen=True)
class Remark:
    """Something about one line of the page; `field` as `actions.retrain_model.budget`, empty where there is none."""

    line: int | None
    field: str
    says: str


@dataclass(frozen=True)
class Trial:
    """What came of it. `diff`: unified, against the page in force; `history`: None for a page that is not valid."""

    faults: tuple[Remark, ...]
    diff: str
    concerns: tuple[Remark, ...]
    history: History | None


def try_page(
    session: ReadSession, text: str, in_force: str, contracts: Mapping[str, ModelContract], days: int
) -> Trial:
    """Read the page, hold it against the one in force, and decide the last `days` again by it."""
    diff = "\n".join(unified_diff(in_force.splitlines(), text.splitlines(), "in force", "tried", lineterm=""))
    try:
        policy = parse_policy(text, NAME)
    except ConfigError as error:
        return Trial(tuple(_faults(error)), diff, (), None)
    history = decided_again(session, policy, contracts, days)
    lines = lines_of(text)
    found = concerns(policy, contracts.keys(), history.approvers)
    worries = tuple(Remark(lines.get(one.field), one.field, one.says) for one in found)
    return Trial((), diff, worries, history)


def _faults(error: ConfigError) -> Iterator[Remark]:
    """The faults of a page, which stand one a line."""
    for said in str(error).split(f"\n{NAME}:"):
        told = said if said.startswith(NAME) else f"{NAME}:{said}"
        match = _FAULT.fullmatch(told)
        if match is None:
            yield Remark(None, "", told)
        else:
            yield Remark(int(match["line"]) if match["line"] else None, match["field"] or "", match["says"])
