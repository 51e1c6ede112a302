"""`steward init-model`: a draft of a model contract from any table."""

from pathlib import Path
from typing import Any

from config.model_contract import load_contract
from database.errors import ConflictError, InvalidError
from training.contract_inference import Draft, draft_contract
from training.contract_page import page_of
from training.table_file import read_table


def write_draft(page: Path, table: Path, options: dict[str, Any], *, encoding: str | None, force: bool) -> Draft:
    """Draw the contract of `table` and write it to `page`; `options` are those of `draft_contract`.

    Raises `InvalidError` for a table that makes no contract, and `ConflictError` rather than overwrite a page.
    """
    if page.exists() and not force:
        raise ConflictError(f"{page}: is there already; --force overwrites it")
    draft = draft_contract(read_table(table, encoding), page.stem, **options)
    page.parent.mkdir(parents=True, exist_ok=True)
    whole = page.with_name(f".{page.name}.new")
    whole.write_text(page_of(draft, table.name), encoding="utf-8")
    whole.replace(page)
    if load_contract(page.stem, page.parent) != draft.contract:
        raise InvalidError(f"{page}: does not say what was drafted; this is a fault of ours")
    return draft


def as_json(draft: Draft, page: Path) -> dict[str, Any]:
    """What the command prints for programs."""
    return {
        "model": draft.contract.name,
        "contract": str(page),
        "rows": draft.rows,
        "positive_share": draft.positive_share,
        "positive": draft.contract.target.positive,
        "features": {name: feature.kind for name, feature in draft.contract.features.items()},
        "left_out": {one.column: one.why for one in draft.left_out},
        "places_to_look": draft.places_to_look,
        "remarks": list(draft.remarks),
    }


def as_text(draft: Draft, page: Path, table: Path) -> list[str]:
    """What the command says to people."""
    contract = draft.contract
    kinds = [feature.kind for feature in contract.features.values()]
    return [
        f"{page}: {len(kinds)} features ({kinds.count('numeric')} numeric, {kinds.count('category')} category) "
        f"from {draft.rows:,} rows; {draft.positive_share:.1%} are {contract.target.positive}",
        *(f"left out {one.column}: {one.why}" for one in draft.left_out),
        *draft.remarks,
        f'next: read it, above all the {draft.places_to_look} lines that say "look here"; then '
        f"`steward train {contract.name} --csv {table} --activate`",
    ]
