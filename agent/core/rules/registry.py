"""Every rule, one line each. Adding a cause is adding a line; the order settles a tie between equal support."""

from collections.abc import Callable

from agent.core.rules import (
    bad_release,
    concept_drift,
    covariate_shift_harmful,
    covariate_shift_harmless,
    data_fault,
    label_feed_fault,
    low_confidence,
    prediction_anomaly,
    prior_shift,
    seasonal,
)
from agent.core.rules.finding import Finding
from agent.core.signals import Signals

RULES: tuple[Callable[[Signals], Finding], ...] = (
    data_fault.consider,
    label_feed_fault.consider,
    bad_release.consider,
    covariate_shift_harmful.consider,
    prior_shift.consider,
    concept_drift.consider,
    seasonal.consider,
    covariate_shift_harmless.consider,
    low_confidence.consider,
    prediction_anomaly.consider,
)
