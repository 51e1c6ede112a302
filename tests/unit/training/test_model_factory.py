"""Hyperparameters stay as the page says, except where a table is so large that they would cost minutes."""

import pytest

from training.model_factory import FOREST_ROWS, load_candidates, make, sized


@pytest.mark.parametrize("name", list(load_candidates()))
def test_a_table_of_usual_size_gets_the_page(name: str) -> None:
    params = load_candidates()[name]
    assert sized(name, params, FOREST_ROWS) == params


def test_the_trees_of_a_forest_sample_a_large_table() -> None:
    given = load_candidates()["random_forest"]
    found = sized("random_forest", given, 50_000)
    assert found == {**given, "max_samples": 0.1, "min_samples_leaf": 10}
    make("random_forest", found, seed=1)
    assert sized("random_forest", {**given, "min_samples_leaf": 40}, 50_000)["min_samples_leaf"] == 40
    assert sized("xgboost", load_candidates()["xgboost"], 50_000) == load_candidates()["xgboost"]
