"""What is told of the fault suite: to people in a terminal, to programs, and to whoever opens the page."""

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table
from typer.testing import CliRunner

from config.agent_policy import AgentPolicy
from database.enums import ActionStatus, ActionType, Cause
from scripts.cli import app
from scripts.lab.faults import suite, tables
from scripts.lab.faults.detectors import TITLES
from scripts.lab.faults.life import Lived, Proposal
from scripts.lab.faults.page import page_of
from scripts.lab.faults.scenarios import SCENARIOS
from scripts.lab.faults.suite import Results
from scripts.lab.faults.summary import Matrix, Peer, Summary, Told
from scripts.lab.faults.trials import QuietMonth, Trial

WINDOWS, ONSET = 18, 8
AFTER = tuple(at >= ONSET for at in range(WINDOWS))
NEVER = (False,) * WINDOWS
BY_NAME = {one.name: one for one in SCENARIOS}


def life(scenario: str, seed: int, named: Cause | None, *, labelled: bool = True, after: int | None = 1) -> Lived:
    harmful = BY_NAME[scenario].harmful
    asked = (Proposal(9, ActionType.RETRAIN_MODEL, recommended=True),) if scenario == "concept_abrupt" else ()
    return Lived(
        scenario=scenario,
        seed=seed,
        labelled=labelled,
        truth=BY_NAME[scenario].cause,
        named=named,
        proposals=asked,
        told=(),
        messages=int(harmful),
        alarms=AFTER if harmful else NEVER,
        harmed=AFTER if harmful else NEVER,
        detected_after=after,
        accuracy=tuple(0.62 if harmful and at >= ONSET else 0.84 for at in range(WINDOWS)),
        timeline=(),
        seconds=1.0,
    )


def results(seeds: Sequence[int] = (0, 1), seconds: float = 12.0) -> Results:
    lives = []
    for seed in seeds:
        lives += [
            life("quiet", seed, None, after=None),
            life("concept_abrupt", seed, Cause.CONCEPT_DRIFT, after=1 + 2 * seed),
            life("unit_change", seed, Cause.DATA_FAULT if seed else Cause.UNKNOWN, after=None if seed else 0),
            life("quiet", seed, None, labelled=False, after=None),
            life("concept_abrupt", seed, None, labelled=False, after=None),
        ]
    tried = tuple(
        Trial(seed, good, ActionStatus.SUCCEEDED if good else ActionStatus.REVERTED, 3)
        for seed in seeds
        for good in (True, False)
    )
    return Results(tuple(seeds), tuple(lives), tried, tuple(QuietMonth(seed, (), ()) for seed in seeds), seconds)


@pytest.fixture(scope="module")
def summary() -> Summary:
    return Summary.of(results())


def test_the_same_lives_make_the_same_report_but_for_the_seconds(summary: Summary) -> None:
    one, other = summary.to_json(), Summary.of(results(seconds=99.0)).to_json()
    for report in (one, other):
        del report["seconds"], report["figures"]["seconds"]
    assert json.dumps(one) == json.dumps(other)


def test_a_matrix_counts_what_was_named_by_what_was_true(summary: Summary) -> None:
    told = summary.to_json()["confusion"]
    assert told["named"] == ["nothing", "data_fault", "concept_drift", "unknown"]
    assert told["true"] == ["nothing", "data_fault", "concept_drift"]
    assert told["counts"] == [[2, 0, 0, 0], [0, 1, 0, 1], [0, 0, 2, 0]]
    assert summary.to_json()["confusion_without_labels"]["counts"] == [[2, 0], [2, 0]]
    assert Matrix.of([]).counts == ()


def test_a_scenario_tells_what_was_named_when_and_what_was_asked(summary: Summary) -> None:
    told = summary.to_json()["scenarios"]
    assert list(told) == ["quiet", "concept_abrupt", "unit_change"]
    assert told["concept_abrupt"] == {
        "title": "the relation turns",
        "truth": "concept_drift",
        "harmful": True,
        "lives": 2,
        "right": 2,
        "named": {"concept_drift": 2},
        "median_windows_to_detection": 2.0,
        "proposals": 2,
        "messages": 2,
        "without_labels": {
            "lives": 2,
            "right": 0,
            "named": {"nothing": 2},
            "median_windows_to_detection": None,
            "proposals": 2,
            "messages": 2,
        },
    }
    assert told["unit_change"]["named"] == {"data_fault": 1, "unknown": 1}
    assert told["unit_change"]["without_labels"] is None


def test_a_change_stands_where_it_took_effect_in_as_many_worlds_as_it_did() -> None:
    told = Told.of(BY_NAME["concept_abrupt"], [life("concept_abrupt", seed, None) for seed in range(3)])
    assert told.changed == {(9, ActionType.RETRAIN_MODEL): 3}
    assert told.warned[ONSET - 1 : ONSET + 1] == (0.0, 1.0)
    assert told.accuracy[-1] == pytest.approx(0.62)


def test_a_peer_is_judged_by_its_alarms_in_harmed_windows_and_in_all_others() -> None:
    half = tuple(at % 2 == 0 for at in range(WINDOWS))
    lives = [life("quiet", 0, None), life("unit_change", 0, None)]
    told = Peer.of("a", "", lives)
    assert told.mcc == pytest.approx(1.0)
    assert (told.heard, told.cried) == (1.0, 0.0)
    other = Peer.of("b", "", [replace(one, alarms=half) for one in lives])
    assert other.mcc == pytest.approx(0.0, abs=0.01)
    assert (other.heard, other.cried) == (0.5, 0.5)
    assert Peer.of("c", "", []) == Peer("c", "", None, None, None, None, None)
    assert (told.low, told.high) == pytest.approx((1.0, 1.0))
    assert tables.agreement_of(told) == "1.00 [1.00, 1.00]"


@dataclass(frozen=True)
class Asked(Lived):
    """A life in which the standard detectors were asked, too."""

    detector_alarms: Mapping[str, tuple[bool, ...]] = field(default_factory=dict)


def test_the_agent_stands_beside_six_detectors_that_saw_the_same_windows() -> None:
    always = dict.fromkeys(TITLES, (True,) * WINDOWS) | {"scores_ks": AFTER}
    lives = [
        Asked(**vars(life(name, 0, None, labelled=False)) | {"alarms": NEVER, "detector_alarms": always})
        for name in ("quiet", "concept_abrupt")
    ]
    found = Summary.of(replace(results(), lives=(*results().lives[:3], *lives)))
    told = found.to_json()["detectors"]
    assert list(told) == ["agent", *TITLES]
    unknown = {"mcc": None, "low": None, "high": None}
    assert told["agent"] == unknown | {"alarms_when_harmed": 0.0, "alarms_otherwise": 0.0}
    assert told["any_psi"] == unknown | {"alarms_when_harmed": 1.0, "alarms_otherwise": 1.0}
    assert told["scores_ks"]["mcc"] > 0.5
    page = page_of(found)
    assert all(html.escape(title[1:]) in page for title in TITLES.values())


def test_the_page_needs_nothing_else_and_tells_every_scenario(summary: Summary) -> None:
    page = page_of(summary)
    markup = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"<(img|iframe)[^>]*\ssrc=|<link", markup)
    assert not re.search(r"<script[^>]*\ssrc=", page)
    assert page.count("plotly.js v") == 1
    assert page.count('<section class="card">') == 3
    assert "A laboratory changes its unit." in page
    assert "Instead: unknown cause 1×." in page


def test_a_bar_that_is_missed_is_said_to_be_missed(summary: Summary) -> None:
    met = {name: figure | {"ok": True} for name, figure in summary.figures.items()}
    missed = met | {"recall": met["recall"] | {"value": 0.5, "ok": False}}
    assert "✗ missed" not in page_of(replace(summary, figures=met))
    assert page_of(replace(summary, figures=missed)).count("✗ missed") == 1


def test_nothing_is_lost_in_a_terminal_of_80_columns(summary: Summary) -> None:
    causes = ("nothing", *map(str, Cause))
    worst = Matrix(causes, causes, tuple((188,) * len(causes) for _ in causes))
    scenarios = said(tables.scenarios(summary))
    for text in (
        said(tables.scores(summary)),
        said(tables.confusion(worst, "all that can be")),
        said(tables.peers(summary)),
        scenarios,
    ):
        assert "…" not in text
    assert "1/2" in scenarios
    assert "also named: unknown cause 1×" in scenarios


def said(table: Table) -> str:
    out = Console(width=80)
    with out.capture() as captured:
        out.print(table)
    return captured.get()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Sequence[int], int | None]]:
    """The suite is asked, and answers at once."""
    calls: list[tuple[Sequence[int], int | None]] = []

    def answer(
        seeds: Sequence[int], _policy: AgentPolicy, tell: suite.Progress, *, processes: int | None = None
    ) -> Results:
        calls.append((seeds, processes))
        tell(1, 1)
        return results(tuple(seeds))

    monkeypatch.setattr(suite, "run_suite", answer)
    return calls


def test_the_command_lives_the_worlds_it_was_asked_for_and_prints_one_object(
    asked: list[tuple[Sequence[int], int | None]], tmp_path: Path
) -> None:
    page = tmp_path / "faults.html"
    options = ["--seeds", "2", "--seed-offset", "10", "--processes", "1", "--html", str(page), "--json"]
    found = CliRunner().invoke(app, ["faults", *options])
    assert found.exit_code == 0, found.output
    assert asked == [(range(10, 12), 1)]
    report = json.loads(found.stdout)
    assert report["seeds"] == [10, 11]
    assert set(report) == {
        "seeds", "figures", "confusion", "confusion_without_labels", "scenarios", "detectors", "seconds",
    }  # fmt: skip
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_check_fails_when_a_bar_is_missed(asked: list[tuple[Sequence[int], int | None]]) -> None:
    assert CliRunner().invoke(app, ["faults", "--seeds", "1"]).exit_code == 0
    found = CliRunner().invoke(app, ["faults", "--seeds", "1", "--check"])
    assert found.exit_code == 1
    assert "MISSED" in found.output
    assert len(asked) == 2
