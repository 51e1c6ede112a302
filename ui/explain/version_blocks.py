"""The blocks of a version's page and of the comparison of two; each stands by itself when another cannot be had."""

from dataclasses import dataclass

import streamlit as st

from ui import charts, session, vocabulary, wording
from ui import components as c
from ui.answers.lineage import Lineage, VersionRow, VersionRows
from ui.api_types import ModelDetail, VersionDetail
from ui.explain import lineage, model_card, version_compare, versions


@dataclass(frozen=True)
class Version:
    """All that is known of one version."""

    row: VersionRow
    detail: VersionDetail
    lineage: Lineage

    @property
    def name(self) -> str:
        return f"v{self.row.version}"


def fetch(model: str, row: VersionRow) -> Version | None:
    """Everything about a version, or None after the page has said why not."""
    client = session.client()
    detail = c.fetched(lambda: client.version(model, row.version), key=f"version-{row.version}")
    if detail is None:
        return None
    way = c.fetched(lambda: client.lineage.of(model, row.version), key=f"lineage-{row.version}")
    return None if way is None else Version(row, detail, way)


def status(found: Version) -> None:
    """Where it stands, in one line of chips. Its files were hashed for this page, whatever the monitor last saw."""
    files = vocabulary.FILES["damaged" if found.lineage.artifact.fault else "sound"]
    made_up = c.tag("made-up rows") if found.row.synthetic else ""
    standing = c.chip_for(vocabulary.STANDINGS, found.row.standing)
    st.markdown(f"{standing} {c.chip(files)} {made_up}".strip())
    st.caption(wording.plain(f"Served: {versions.served(found.row)}. Approved by: {versions.approved_by(found.row)}."))


def card(model: ModelDetail, found: VersionRows, version: Version) -> None:
    """What it is for, and what it must not be taken for."""
    with st.container(key="model-card", border=True):
        left, right = st.columns(2, gap="medium")
        with left:
            st.markdown("**What it is for**")
            st.markdown("  \n".join(wording.plain(said) for said in model_card.purpose(model)))
            st.markdown("**How good it is**")
            primary = vocabulary.words(vocabulary.METRICS, found.primary_metric)
            asked = f"{primary} {versions.figure(version.row.primary)}; asked for: {wording.number(found.minimum)}."
            st.markdown(wording.plain(asked))
            if says := version.detail.metrics.get("why"):
                st.caption(wording.plain(wording.sentence(str(says))))
        with right:
            st.markdown("**What it must not be taken for**")
            st.markdown(
                "\n".join(f"- {wording.plain(said)}" for said in model_card.limits(model, version.detail, version.row))
            )
        now = c.now()
        given = (model, found, version.row, version.detail, version.lineage, now)
        with st.container(horizontal=True):
            for kind, text in (("md", model_card.markdown(*given)), ("json", model_card.as_json(*given))):
                st.download_button(
                    f"Model card as {'Markdown' if kind == 'md' else 'JSON'}",
                    text,
                    file_name=f"{model.name}-{version.name}.{kind}",
                    mime="text/markdown" if kind == "md" else "application/json",
                    key=f"card-{kind}",
                    on_click="ignore",
                    type="tertiary",
                    icon=":material/download:",
                )


def quality(version: Version) -> None:
    """Cross-validated figures, and the candidates that were compared."""
    c.section(
        "Quality", "Cross-validated on the rows it learned from, each fold answered by a model that had not seen it."
    )
    if rows := versions.metrics(version.detail):
        c.table(rows, key="version-metrics", alt=f"Cross-validation of {version.name}")
    else:
        c.empty("No figures", "This version was registered without cross-validation.", key="version-metrics-empty")
    if compared := versions.candidates(version.detail):
        with st.expander(f"Candidates compared ({len(compared)})", key="candidates-all"):
            c.table(compared, key="candidates", alt="Candidates compared")


def influence(version: Version, labels: dict[str, str]) -> None:
    c.section("What it listens to", "Share of what it knows that is lost when an input is shuffled.")
    ranked = sorted(version.detail.influence.items(), key=lambda item: -item[1])[:12]
    if not ranked:
        c.empty("No influence was measured", "It is measured when a version is trained.", key="influence-empty")
        return
    names, shares = [labels.get(name, name) for name, _ in ranked], [share for _, share in ranked]
    summary = f"{names[0]} has the largest influence: {wording.percent(shares[0], 0)}."
    figure = charts.bars(names, shares, c.colours(), title="share of influence")
    rows = [
        {"input": wording.plain(name), "share": wording.percent(share)}
        for name, share in zip(names, shares, strict=True)
    ]
    c.chart(figure, key="influence", summary=summary, nothing="No influence was measured.", table=rows)


def way(version: Version) -> None:
    """From the rows to what served, drawn and as a table."""
    found = version.lineage
    c.section("Lineage", "From the rows to what served. The files were read and hashed for this page.")
    if found.artifact.fault:
        c.banner(
            "error", "The files are not to be believed.", wording.sentence(found.artifact.fault), key="files-fault"
        )
    summary = lineage.summary(found)
    with st.container(key="lineage-graph"):
        st.mermaid_chart(lineage.graph(found), alt=summary)
    st.caption(wording.plain(summary))
    c.table(lineage.table(found), key="lineage", alt=f"Where {version.name} comes from, step by step")
    ids = list(
        dict.fromkeys([*([found.run.action_id] if found.run.action_id else []), *(v.action_id for v in found.votes)])
    )
    if ids:
        with st.container(horizontal=True, key="lineage-decisions"):
            for action_id in ids[:5]:
                st.page_link(
                    "pages/6_Decision.py",
                    label=f"Decision {action_id[:8]}",
                    query_params={"id": action_id},
                    icon=":material/rule:",
                    width="content",
                )


def compare(one: Version, other: Version, labels: dict[str, str]) -> None:
    """Two versions side by side."""
    with st.container(key="comparison"):
        c.section(f"{one.name} beside {other.name}")
        st.caption(
            "Each figure was cross-validated on the rows its version learned from, so two of them are no contest: the "
            "decision that proposed a version holds both against the same rows."
        )
        c.table(version_compare.metrics(one.detail, other.detail), key="compare-metrics", alt="Figures side by side")
        c.section("How they were made")
        rows = version_compare.settings(one.detail, other.detail, one.lineage, other.lineage)
        apart, same = ([r for r in rows if (r["same"] == "✓ same") is kept] for kept in (False, True))
        if apart:
            c.table(apart, key="compare-settings", alt="What differs")
        else:
            c.empty("Nothing differs", "Both were made alike, from the same rows.", key="compare-settings-empty")
        if same:
            with st.expander(f"The same in both ({len(same)})", key="compare-same"):
                c.table(same, key="compare-same-table", alt="What is the same")
        c.section("What they listen to")
        listens = version_compare.influence(one.detail, other.detail, labels)
        c.table(listens, key="compare-influence", alt="Influence of each input, side by side")
