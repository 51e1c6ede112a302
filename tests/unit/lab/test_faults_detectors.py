"""Six standard detectors see what they are known to see, and are quiet where nothing moved."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency, ks_2samp
from sklearn.linear_model import LogisticRegression

from scripts.lab.faults import detectors
from scripts.lab.faults.detectors import TITLES, Detectors, Floats, alarms_over
from scripts.lab.faults.life import ground_of
from scripts.lab.faults.plot import Plot, chance
from scripts.lab.faults.world import USUAL, Population, World, contract, rows_of, with_gaps
from scripts.lab.learner import Version, candidates_for, learn
from scripts.lab.played import Change, Played
from training.feature_engineering import Matrix, encoding_for

ENCODING = encoding_for(contract())
WORLD = World.of(3)


def patients(n: int, seed: int, who: Population = USUAL) -> Matrix:
    rng = np.random.default_rng([7, seed])
    return ENCODING.matrix(rows_of(with_gaps(WORLD.draw(n, rng, who), rng)))


def scores(n: int, seed: int, of: float = 2.0) -> Floats:
    return np.random.default_rng([8, seed]).beta(of, 3, n)


@pytest.fixture(scope="module")
def usual() -> Detectors:
    return Detectors.of(ENCODING, patients(3000, 0), scores(3000, 0))


def alarmed(found: dict[str, bool]) -> set[str]:
    return {name for name, alarm in found.items() if alarm}


def test_quiet_windows_rarely_alarm_anybody(usual: Detectors) -> None:
    found = [usual.alarms(patients(400, seed), scores(400, seed)) for seed in range(1, 41)]
    often = {name: sum(one[name] for one in found) for name in TITLES}
    assert set(often) == set(TITLES)
    assert all(times <= 6 for times in often.values()), often


def test_a_measurement_that_moves_far_is_seen_by_all_that_look_at_features_one_by_one(usual: Detectors) -> None:
    found = usual.alarms(patients(400, 1, Population(moved={"height": 1.5})), scores(400, 1))
    assert {"any_test", "any_psi", "domain_classifier"} <= alarmed(found)
    assert not {"half_of_columns", "scores_ks"} & alarmed(found)


def test_half_of_the_columns_have_to_move_for_the_rule_of_the_share(usual: Detectors) -> None:
    five = dict.fromkeys(("age", "glucose", "cholesterol", "pressure", "weight"), 0.7)
    assert not usual.alarms(patients(400, 1, Population(moved=five)), scores(400, 1))["half_of_columns"]
    six = five | {"height": 0.7}
    assert usual.alarms(patients(400, 1, Population(moved=six)), scores(400, 1))["half_of_columns"]


def test_scores_that_move_alarm_the_test_of_the_scores_alone(usual: Detectors) -> None:
    assert alarmed(usual.alarms(patients(400, 1), scores(400, 1, of=2.6))) == {"scores_ks"}


def test_rows_that_lie_off_the_usual_planes_are_rebuilt_badly(usual: Detectors) -> None:
    wide = Population(wider={"pressure": 2.0, "heart_rate": 2.0, "height": 2.0})
    assert usual.alarms(patients(400, 1, wide), scores(400, 1))["reconstruction"]


def test_a_column_that_arrives_empty_has_drifted(usual: Detectors) -> None:
    rows = patients(400, 1)
    rows[:, ENCODING.names.index("weight")] = np.nan
    assert {"any_test", "any_psi"} <= alarmed(usual.alarms(rows, scores(400, 1)))


def test_a_category_nobody_knows_is_a_place_of_its_own(usual: Detectors) -> None:
    rows = patients(400, 1)
    rows[:100, [at for at, name in enumerate(ENCODING.names) if name.startswith("site=")]] = 0
    assert {"any_test", "any_psi"} <= alarmed(usual.alarms(rows, scores(400, 1)))


@pytest.mark.parametrize("n", [0, 1, 3, 20])
def test_windows_of_hardly_any_rows_are_answered(usual: Detectors, n: int) -> None:
    assert set(usual.alarms(patients(n, 1), scores(n, 1))) == set(TITLES)


def test_the_tests_say_what_the_library_says(usual: Detectors) -> None:
    rows, reference = patients(400, 1, Population(moved={"pressure": 0.1})), patients(3000, 0)
    one = next(one for one in usual.numeric if ENCODING.names[one.at] == "pressure")
    library = ks_2samp(reference[:, one.at], rows[:, one.at], method="asymp").pvalue
    assert one.p(rows) == pytest.approx(library, rel=0.05)
    site = usual.category[0]
    table = [[part[:, at].sum() for at in site.at] for part in (reference, rows)]
    assert site.p(rows) == pytest.approx(chi2_contingency(table, correction=False).pvalue, rel=1e-4)


def test_the_classifier_learns_what_the_library_learns() -> None:
    rng = np.random.default_rng(5)
    late = np.repeat([0.0, 1.0], 300)
    points = rng.normal(0, 1, (600, 6)) + 0.3 * late[:, None] * np.arange(6)
    own = detectors._logistic(np.hstack([points, np.ones((600, 1))]), late)
    theirs = LogisticRegression(class_weight="balanced", C=0.5).fit(points, late)
    assert np.corrcoef(own[:6], theirs.coef_[0])[0, 1] > 0.999


def test_each_window_is_held_against_the_version_that_answered_it() -> None:
    old, new = taught(0, USUAL), taught(1, Population(moved={"height": 3.0}))
    plot = Plot.quiet(WORLD, 0, windows=4, onset=0)
    plot.come(Population(moved={"height": 3.0}))
    ground = ground_of(plot, old)
    played = Played("agent", changes=[Change(1, "retrain_model", old, new)])
    played.answers = [ground.answers(old if at < 2 else new, at) for at in range(4)]
    found = alarms_over(ground, played)
    assert set(found) == set(TITLES)
    assert found["any_psi"] == (True, True, False, False)


def taught(seed: int, who: Population) -> Version:
    rng = np.random.default_rng([9, seed])
    columns = WORLD.draw(1500, rng, who)
    labels = (rng.random(1500) < chance(WORLD.odds(columns))).astype(np.int64)
    rows = rows_of(with_gaps(columns, rng))
    return learn(contract(), rows, labels, candidates_for(1500, ["logistic_regression"]))
