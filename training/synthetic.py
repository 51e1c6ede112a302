"""A made-up cohort for a machine that can reach no data: plausible, deterministic, and never mistaken for patients.

`synthetic_cohorts.yml` holds, for each hospital and diagnosis, the means, standard deviations, ranges, shares and
missing shares of the published data (Janosi, Steinbrunn, Pfisterer, Detrano: Heart Disease, UCI Machine Learning
Repository, 1989, doi 10.24432/C52P4X; first described in Detrano et al., American Journal of Cardiology 64, 1989,
304-310). Features are drawn independently given the diagnosis, so a model finds these patients easier than real ones.
Whoever loads them marks them `synthetic`, and that mark stays on every version trained on them.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from training.feature_engineering import Row, Value

COHORTS_FILE = Path(__file__).with_name("synthetic_cohorts.yml")


def synthetic_rows(hospital: str, n: int, seed: int) -> tuple[tuple[Row, ...], tuple[int, ...]]:
    """`n` rows and labels in the likeness of `hospital`. The same arguments give the same patients everywhere."""
    cohort = yaml.safe_load(COHORTS_FILE.read_text(encoding="utf-8"))[hospital]
    # Not Python's own hash: that differs from process to process.
    name = int.from_bytes(hashlib.sha256(hospital.encode()).digest()[:4], "big")
    rng = np.random.default_rng([seed, name])
    labels = (rng.permutation(n) < round(cohort["disease"] * n)).astype(int)
    rows = tuple(
        {feature: _draw(rng, facts["disease" if label else "healthy"]) for feature, facts in cohort["features"].items()}
        for label in labels
    )
    return rows, tuple(int(label) for label in labels)


def _draw(rng: np.random.Generator, facts: dict[str, Any]) -> Value:
    # Always the same number of draws for a feature, whatever comes out.
    missing, zero, pick = rng.random(3)
    normal = rng.normal()
    if missing < facts["missing"]:
        return None
    if "shares" in facts:
        categories = list(facts["shares"])
        bounds = np.cumsum(list(facts["shares"].values()))
        return int(categories[min(int(np.searchsorted(bounds, pick * bounds[-1], side="right")), len(categories) - 1)])
    if zero < facts.get("written_as_zero", 0.0):
        return 0
    low, high = facts["range"]
    value = round(float(np.clip(facts["mean"] + facts["sd"] * normal, low, high)), facts["decimals"])
    return int(value) if value.is_integer() else value
