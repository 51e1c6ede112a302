"""What the cells of a column mean: numbers in whatever way they are written, or nothing.

One rule for whoever drafts a contract from a table and whoever reads the table by it, so that they cannot disagree.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

NULL_WORDS = frozenset({"", "?", "na", "n/a", "nan", "null", "none"})
# Among numbers these can mean nothing else; among categories `unknown` may be one of them.
NULL_AMONG_NUMBERS = NULL_WORDS | {
    "-", "--", ".", "*", "#n/a", "#na", "#value!", "#div/0!", "#null!", r"\n", "nil", "unknown", "missing",
    "not available", "not applicable", "n.a.", "n.d.", "<na>", "nat",
}  # fmt: skip
TRUTH = {"true": 1, "false": 0}

_DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+")
_DOTTED_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+")
_WHOLE = re.compile(r"(-?(?:0|[1-9]\d*))\.0*")
_COMMA_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")


@dataclass(frozen=True)
class Numbers:
    """A column read as numbers: NaN where it is null and where it is `strange`, neither a number nor nothing."""

    values: NDArray[np.float64]
    null: NDArray[np.bool_]
    strange: NDArray[np.bool_]


def numbers(cells: "pd.Series[Any]", delimiter: str = ",") -> Numbers:
    """The numbers of a column: plain, or all with a decimal comma, or with commas between thousands.

    `1,234` is 1234 where columns are separated by commas, and 1.234 elsewhere. What is not finite is no number.
    """
    codes, found = pd.factorize(cells)
    words = [str(word) for word in found]
    null = np.array([word.lower() in NULL_AMONG_NUMBERS for word in words], dtype=bool)
    values = finite(words)
    strange = np.isnan(values) & ~null
    if strange.any():
        values = _with_commas(words, values, strange, delimiter)
        strange = np.isnan(values) & ~null
    values[null] = np.nan
    return Numbers(values[codes], null[codes], strange[codes])


def finite(words: Sequence[str]) -> NDArray[np.float64]:
    """NaN for what is no number, or none that ends."""
    values = np.array(pd.to_numeric(pd.Series(list(words), dtype=object), errors="coerce"), dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _with_commas(
    words: Sequence[str], plain: NDArray[np.float64], strange: NDArray[np.bool_], delimiter: str
) -> NDArray[np.float64]:
    """Read again in the first way under which every word that was strange is a number; as before if there is none."""
    ways: list[tuple[re.Pattern[str], Callable[[str], str]]] = [
        (_COMMA_THOUSANDS, lambda word: word.replace(",", "")),
        (_DECIMAL_COMMA, _from_decimal_comma),
    ]
    odd = [word for word, is_odd in zip(words, strange, strict=True) if is_odd]
    for pattern, mend in ways if delimiter == "," else reversed(ways):
        if all(pattern.fullmatch(word) for word in odd):
            return finite([mend(word) for word in words])
    return plain


def _from_decimal_comma(word: str) -> str:
    if "," in word:
        return word.replace(".", "").replace(",", ".")
    return word.replace(".", "") if _DOTTED_THOUSANDS.fullmatch(word) else word


def is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def canonical(word: str) -> str:
    """One way to write a whole number: `1.0` is `1`. Anything else stays as it is, `01` too: that is a code."""
    found = _WHOLE.fullmatch(word)
    return found[1] if found else word
