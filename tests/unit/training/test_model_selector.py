"""The best eligible candidate wins, unless the guard holds it back; the reason is always said."""

from training.model_selector import Candidate, Rule, select

RULE = Rule("f1", minimum=0.75, tolerance=0.03)
GOOD, BETTER = Candidate("logistic_regression", 0.80), Candidate("xgboost", 0.82)


def test_the_highest_value_wins_and_the_others_are_named() -> None:
    found = select([GOOD, BETTER], None, RULE)
    assert found.winner == "xgboost"
    assert "0.820" in found.why
    assert "logistic_regression 0.800" in found.why


def test_the_first_listed_wins_a_tie() -> None:
    assert select([Candidate("a", 0.8), Candidate("b", 0.8)], None, RULE).winner == "a"


def test_a_candidate_that_cannot_serve_never_wins_and_is_said_to_be_left_out() -> None:
    broken = Candidate("xgboost", 0.99, eligible=False, obstacle="answers differently")
    found = select([GOOD, broken], None, RULE)
    assert found.winner == "logistic_regression"
    assert "xgboost: answers differently" in found.why


def test_nothing_wins_below_the_minimum() -> None:
    found = select([Candidate("a", 0.749)], None, RULE)
    assert found.winner is None
    assert "0.749" in found.why
    assert "0.750" in found.why


def test_a_step_back_beyond_the_tolerance_is_refused_and_one_within_is_not() -> None:
    assert select([BETTER], 0.851, RULE).winner is None
    assert select([BETTER], 0.849, RULE).winner == "xgboost"


def test_no_candidates_and_candidates_without_figures_have_no_winner() -> None:
    assert select([], None, RULE).winner is None
    assert select([Candidate("a", None)], None, RULE).winner is None
