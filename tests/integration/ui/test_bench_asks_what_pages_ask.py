"""`steward bench dashboard` times the questions of each page: the very ones that the page asks."""

import re

import pytest

from scripts.bench.dashboard import Examples, Shown, pages_of
from tests.dashboard.api import MODEL, RETRAIN, FakeApi
from tests.integration.ui.test_pages import Open, fake, open_page
from ui import kept

__all__ = ["fake", "open_page"]
FILES = {
    "overview": "0_Overview.py", "approvals": "3_Approvals.py", "decision": "6_Decision.py", "trends": "4_Trends.py",
    "performance": "1_Performance.py", "drift": "2_Drift_Detection.py", "quality": "8_Data_Quality.py",
    "agent": "5_Agent_Activity.py", "models": "7_Models.py", "settings": "9_Settings.py", "audit": "10_Audit.py",
}  # fmt: skip
SHOWN = pages_of(
    Examples(
        model=MODEL, action=RETRAIN, version=2, judged=4, window=5, feature="cp", check="sentinel", column="chol"
    )
)  # fmt: skip
# A decision page shows two versions; one of them is timed.
OTHER_VERSION = re.compile(r"/versions/1$")


@pytest.mark.parametrize("shown", [one for one in SHOWN if one.path], ids=lambda one: one.name)
def test_each_page_is_timed_by_its_own_questions(
    open_page: Open, fake: FakeApi, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "KEPT_S", 0.0)  # what the run before it asked would not be asked again
    given = {"id": RETRAIN} if shown.name == "decision" else {"version": "v2"} if shown.name == "models" else {}
    open_page(FILES[shown.name], **given)
    runs = " ".join(fake.addresses).split("/frame")
    asked = runs[1 if shown.name == "overview" else -1].split()  # the overview is opened on the way to every page
    assert {one for one in asked if not OTHER_VERSION.search(one)} == set(shown.asks)


def test_no_page_is_left_out() -> None:
    assert {one.name for one in SHOWN} == {*FILES, "frame"}
