"""Models & lineage: what serves, what served, what could serve again, and where each version comes from."""

import streamlit as st

from ui import components as c
from ui import kept, session, wording
from ui.answers.lineage import VersionRows
from ui.api_types import ModelDetail
from ui.explain import proposing, version_blocks, versions

TITLE = "Models & lineage"


def _pick(label: str, placeholder: str, numbers: list[int], *, key: str) -> int | None:
    return st.selectbox(
        label,
        numbers,
        index=None,
        format_func=lambda one: f"v{one}",
        placeholder=placeholder,
        key=key,
        bind="query-params",
        width=220,
    )


def _choose(found: VersionRows, model: ModelDetail) -> tuple[int | None, int | None]:
    """Which version is looked at and which stands beside it; both stand in the address."""
    rows = {row.version: row for row in found.versions}
    against = None
    with st.container(horizontal=True, vertical_alignment="bottom", key="version-choice"):
        number = _pick("Look at", "a version", list(rows), key="version")
        why_not = None if number is None else rows[number].why_not_restorable
        if number is not None and (others := [one for one in rows if one != number]):
            against = _pick("Compare with", "another one", others, key="against")
        st.space("stretch")
        proposing.buttons(number, why_not)
    proposing.under_the_buttons(model, number, why_not)
    return number, against


def _list(found: VersionRows, model: ModelDetail) -> None:
    c.table(versions.rows(found, c.now()), key="versions", alt="Versions, newest first")
    c.section("Deployments", "Which version served from when, by whose decision.")
    if model.deployments:
        c.table(versions.deployments(model.deployments, c.now()), key="deployments", alt="Deployments, newest first")
    else:
        c.empty("Nothing has served yet", "A first version is activated by training.", key="deployments-empty")
    c.section("Replicas", "What each process says it serves, beside what it should.")
    if model.replicas:
        c.table(versions.replicas(model.replicas, c.now()), key="replicas", alt="What each process serves")
    else:
        c.empty("No replica has reported", "No API process serves this model at the moment.", key="replicas-empty")


def _one(found: VersionRows, model: ModelDetail, number: int, against: int | None) -> None:
    rows = {row.version: row for row in found.versions}
    labels = {feature.name: feature.label for feature in model.features}
    version = version_blocks.fetch(model.name, rows[number])
    if version is None:
        return
    version_blocks.status(version)
    if against is not None:
        if (other := version_blocks.fetch(model.name, rows[against])) is not None:
            version_blocks.compare(version, other, labels)
        return
    version_blocks.card(model, found, version)
    version_blocks.quality(version)
    version_blocks.way(version)
    version_blocks.influence(version, labels)


def page() -> None:
    visit = session.visit()
    c.heading(TITLE, key="headline", note="A change of what serves is always a proposal that somebody else decides.")
    if not visit.model:
        why = "No contract is active in this installation."
        c.empty("No model yet", why, key="models-empty", next_step="Train one: steward train NAME --activate")
        return
    client = session.client()
    rows = kept.ahead(lambda: client.lineage.rows(visit.model), "versions", visit.model)
    described = kept.ahead(lambda: client.model(visit.model), "model", visit.model)
    found, model = c.fetched(rows, key="versions"), c.fetched(described, key="model")
    if found is None or model is None:
        return
    st.markdown(f"**{wording.plain(model.title)}**  \n{wording.plain(model.description)}")
    if not found.versions:
        why = "This model has a contract but no trained version."
        c.empty("No version yet", why, key="versions-empty", next_step=f"steward train {visit.model} --activate")
        return
    number, against = _choose(found, model)
    if number is None:
        _list(found, model)
    else:
        _one(found, model, number, against)


page()
