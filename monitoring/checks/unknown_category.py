"""Values of a category that the contract does not list: codes it tolerates, or ones nobody knew.

The model sees nothing where they stand. A share of rows from the contract's `suspect_share` on is a fault of the
source. A category that the contract lists and training never saw is none: it shows as drift.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from config.model_contract import Feature, category_name

MOST_NAMED = 3
LONGEST = 24
LEAST_ROWS = 5


def came_instead(feature: Feature, values: Sequence[Any]) -> Mapping[str, str]:
    """The commonest unknown values, for the details of the check. A value of fewer than five rows is not named:
    what a handful of rows holds may be about one person."""
    known = {str(one) for one in feature.categories or ()}
    unknown = Counter(name for value in values if value is not None and (name := category_name(value)) not in known)
    named = [name[:LONGEST] for name, times in unknown.most_common(MOST_NAMED) if times >= LEAST_ROWS]
    return {"came": ", ".join(named)} if named else {}
