"""The dashboard has a word for all that the rest of the house can say, and reads no field that the API never sends."""

import importlib
import pkgutil
import re
from enum import StrEnum
from types import ModuleType

import pytest
from pydantic import BaseModel

import api.schemas
import ui.answers
from database import enums
from ui import api_types, vocabulary


def _modules(package: ModuleType) -> tuple[ModuleType, ...]:
    return tuple(
        importlib.import_module(f"{package.__name__}.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    )


SCHEMAS = _modules(api.schemas)
# `people` calls its answers by names of its own.
ANSWERS = (api_types, *(one for one in _modules(ui.answers) if not one.__name__.endswith(".people")))
OTHER_NAMES = {"Me": "Person", "LoginAnswer": "LoginOut", "Answer": "Out"}


@pytest.mark.parametrize(
    ("words", "table"),
    [
        (enums.Verdict, vocabulary.VERDICTS),
        (enums.ActionStatus, vocabulary.ACTION_STATUSES),
        (enums.Severity, vocabulary.SEVERITIES),
        (enums.AlertStatus, vocabulary.ALERT_STATUSES),
        (enums.VersionStatus, vocabulary.VERSION_STATUSES),
        (enums.Automation, vocabulary.AUTOMATION),
        (enums.SlotStatus, vocabulary.SLOT_STATUSES),
        (enums.WindowStatus, vocabulary.WINDOW_STATUSES),
        (enums.ActionType, vocabulary.ACTIONS),
        (enums.Cause, vocabulary.CAUSES),
        (enums.IssueType, vocabulary.ISSUES),
        (enums.RejectionReason, vocabulary.REJECTIONS),
    ],
)
def test_every_word_of_the_house_has_its_words_here(words: type[StrEnum], table: dict[str, object]) -> None:
    assert {str(word) for word in words} <= set(table)


def test_every_risk_has_its_words() -> None:
    assert {risk.name.lower() for risk in enums.Risk} == set(vocabulary.RISKS)


def test_open_and_moving_statuses_are_those_the_house_knows_as_unfinished() -> None:
    assert {str(status) for status in enums.OPEN_STATUSES} == vocabulary.OPEN_ACTIONS | vocabulary.MOVING_ACTIONS


def test_no_two_statuses_of_a_kind_differ_by_colour_alone() -> None:
    tables = (vocabulary.VERDICTS, vocabulary.SEVERITIES, vocabulary.RISKS, vocabulary.ACTION_STATUSES)
    for table in tables:
        assert len({sign.word for sign in table.values()}) == len(table)
        assert all(sign.shape for sign in table.values())


def test_a_word_nobody_wrote_down_yet_is_shown_as_it_is() -> None:
    assert vocabulary.words(vocabulary.CAUSES, "solar_flare") == "solar flare"
    assert vocabulary.words(vocabulary.CAUSES, None) == "unknown"


def _answers() -> list[type[BaseModel]]:
    return [
        value
        for module in ANSWERS
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BaseModel)
        if value.__module__ == module.__name__ and value.model_fields
    ]


@pytest.mark.parametrize("answer", _answers(), ids=lambda answer: str(answer.__name__))
def test_every_field_read_here_is_one_the_api_writes_with_the_same_type(answer: type[BaseModel]) -> None:
    name = OTHER_NAMES.get(answer.__name__, answer.__name__)
    written = next(getattr(module, name) for module in SCHEMAS if hasattr(module, name))
    for field, info in answer.model_fields.items():
        assert field in written.model_fields, f"{name} has no {field}"
        theirs = str(written.model_fields[field].annotation)
        for module in SCHEMAS:
            theirs = theirs.replace(f"{module.__name__}.", "")
        ours = str(info.annotation)
        for module in ANSWERS:
            ours = ours.replace(f"{module.__name__}.", "")
        for mine, other in OTHER_NAMES.items():
            ours = re.sub(rf"\b{mine}\b", other, ours)
        assert ours == theirs, f"{name}.{field}"
