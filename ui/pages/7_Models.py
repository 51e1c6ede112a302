"""Versions and where they come from: what serves, what served, what could serve again."""

import streamlit as st

from ui import charts, session, wording
from ui import components as c
from ui import versions as view
from ui.api_client import ApiError
from ui.api_types import ModelDetail, VersionCard, VersionDetail

ASKING = "proposal_dialog"
SHORTEST_REASON = 3


def _close() -> None:
    st.session_state.pop(ASKING, None)


@st.dialog("Propose a change", on_dismiss=_close)
def _propose(model: ModelDetail, back_to: VersionCard | None) -> None:
    what = f"Propose rollback to v{back_to.version}" if back_to else "Propose retrain"
    st.markdown(
        f"**{what}** of {wording.plain(model.title)}. Evidence is gathered first; then somebody else decides. "
        "Nothing changes before that."
    )
    reason = st.text_area("Reason", key="proposal-reason", max_chars=2000, persist_state="session")
    pressed = st.button(what, key="confirm-proposal", type="primary", width="stretch")
    if pressed and len(reason.strip()) < SHORTEST_REASON:
        st.error("Write down the reason first.")
    elif pressed:
        try:
            client = session.client()
            made = (
                client.propose_rollback(model.name, reason=reason.strip(), version=back_to.version)
                if back_to
                else client.propose_retrain(model.name, reason=reason.strip())
            )
        except ApiError as problem:
            c.show_problem(problem, key="proposal-problem")
            return
        _close()
        st.switch_page("pages/6_Decision.py", query_params={"id": made.action_id})


def _detail(model: str, number: int, labels: dict[str, str]) -> None:
    found = c.fetched(lambda: session.client().version(model, number), key="version")
    if found is None:
        return
    if says := found.metrics.get("why"):
        st.markdown(wording.plain(wording.sentence(str(says))))
    if metrics := view.metrics(found):
        c.table(metrics, key="version-metrics", alt=f"Cross-validation of v{number}")
    if compared := view.candidates(found):
        c.section("Candidates compared")
        c.table(compared, key="candidates", alt="Candidates compared")
    _influence(found, labels)
    with st.expander("Lineage and settings", key="lineage"):
        st.markdown(
            f"Data `{found.dataset_digest[:12]}` → contract `{found.contract_digest[:12]}` → "
            f"artifact `{found.artifact_digest[:12]}` → v{number}, threshold {wording.number(found.threshold)}"
        )
        if found.mlflow_run_id:
            st.caption(f"MLflow run `{found.mlflow_run_id}`")
        st.json(found.hyperparameters, expanded=1)


def _influence(found: VersionDetail, labels: dict[str, str]) -> None:
    ranked = sorted(found.influence.items(), key=lambda item: -item[1])[:12]
    if ranked:
        c.section("What it listens to")
        names, shares = [labels.get(name, name) for name, _ in ranked], [share for _, share in ranked]
        figure = charts.bars(names, shares, c.colours(), title="share of influence")
        summary = f"{names[0]} has the largest influence: {wording.percent(shares[0], 0)}."
        c.chart(figure, key="influence", summary=summary, nothing="No influence was measured.")


def page() -> None:
    visit = session.visit()
    c.heading("Models", key="headline", note="A change of what serves is always a proposal that somebody else decides.")
    if not visit.model:
        why = "No contract is active in this installation."
        c.empty("No model yet", why, key="models-empty", next_step="Train one: steward train NAME --activate")
        return
    found = c.fetched(lambda: session.client().versions(visit.model), key="versions")
    model = c.fetched(lambda: session.client().model(visit.model), key="model")
    if found is None or model is None:
        return
    st.markdown(f"**{wording.plain(model.title)}**  \n{wording.plain(model.description)}")
    if not found.versions:
        why = "This model has a contract but no trained version."
        c.empty("No version yet", why, key="versions-empty", next_step=f"steward train {visit.model} --activate")
        return
    c.table(view.rows(found.versions), key="versions", alt="Versions, newest first")
    by_number = {version.version: version for version in found.versions}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        number = st.selectbox(
            "Version",
            sorted(by_number, reverse=True),
            key="version",
            bind="query-params",
            width=160,
            format_func=lambda one: f"v{one}",
        )
        chosen = by_number[number]
        if st.button("Propose retrain…", key="propose-retrain"):
            st.session_state[ASKING] = "retrain"
        if view.can_go_back_to(chosen) and st.button(f"Propose rollback to v{number}…", key="rollback"):
            st.session_state[ASKING] = "rollback"
    if asking := st.session_state.get(ASKING):
        _propose(model, chosen if asking == "rollback" else None)
    _detail(visit.model, number, {feature.name: feature.label for feature in model.features})
    c.section("Deployments")
    c.table(view.deployments(model.deployments, c.now()), key="deployments", alt="Which version served from when")
    c.section("Replicas")
    if model.replicas:
        c.table(view.replicas(model.replicas, c.now()), key="replicas", alt="What each process serves")
    else:
        c.empty("No replica has reported", "No API process serves this model at the moment.", key="replicas-empty")


page()
