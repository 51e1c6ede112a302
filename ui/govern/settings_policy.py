"""The section Policy: the page in force, how people decide under it, and trying a change."""

import streamlit as st

from ui import components as c
from ui import session, wording
from ui.answers.policy import PolicyChecked, PolicyOut
from ui.api_client import ApiError
from ui.govern import oversight, policy
from ui.govern.settings import ADMINISTER
from ui.govern.settings_frame import facts, locked, may

TEXT, CHECKED, DAYS = "policy-text", "policy-checked", 30
LONGEST = 64 * 1024


def show() -> None:
    """The whole section."""
    found = c.fetched(session.client().govern.policy, key="policy", height=420)
    if found is None:
        return
    _in_force(found)
    oversight.show(session.visit().model)
    c.section("Try a change", "Held against the page in force, and decided again on what the agent recorded.")
    if may(ADMINISTER):
        _trial(found)
    else:
        locked(ADMINISTER, "You may read the page, not try another one", key="policy-locked")


def _in_force(found: PolicyOut) -> None:
    c.section("What the agent may do")
    c.table(policy.rules(found), key="policy-rules", alt="Each kind of action: its risk, who decides, and its bounds")
    facts(policy.around(found), key="policy-around", alt="What holds for all actions")
    for line in policy.followers(found, c.now()):
        st.caption(wording.plain(line))
    st.caption(f"`{found.file}` · digest `{wording.short_digest(found.digest)}`")
    st.caption(wording.plain(policy.NOT_WRITTEN_HERE))
    title = session.visit().frame.title
    with st.expander(f"Thresholds of {wording.plain(title)}", key="policy-thresholds"):
        st.caption("From the model's contract, a file like the page above.")
        rows = policy.thresholds(found, session.visit().model)
        c.table(rows, key="threshold-table", alt=f"What the figures of {title} are held to")


def _uploaded() -> None:
    """A file takes the place of what stands in the text."""
    file = st.session_state.get("policy-file")
    if file is None:
        return
    st.session_state[TEXT] = file.getvalue()[: LONGEST + 1].decode("utf-8", errors="replace")


def _trial(found: PolicyOut) -> None:
    st.session_state.setdefault(TEXT, found.text)
    st.text_area("The page", key=TEXT, height=360, max_chars=LONGEST)
    st.file_uploader("Or a file", type=["yml", "yaml"], key="policy-file", on_change=_uploaded, max_upload_size=1)
    with st.container(horizontal=True, vertical_alignment="bottom", key="policy-buttons"):
        blank = not st.session_state[TEXT].strip()
        pressed = st.button("Check this page", key="policy-check", type="primary", disabled=blank)
        text = st.session_state[TEXT]
        st.download_button("Download this page", text, "agent_policy.yml", "text/yaml", key="policy-download")
    if pressed:
        try:
            with st.spinner("Deciding the last month again…"):
                st.session_state[CHECKED] = (text, session.client().govern.check_policy(text, DAYS))
        except ApiError as problem:
            st.session_state.pop(CHECKED, None)
            c.show_problem(problem, key="policy-problem")
    before, checked = st.session_state.get(CHECKED, (None, None))
    if isinstance(checked, PolicyChecked):
        if before != text:
            st.caption("The text has changed since: what follows is of the page as it was checked.")
        _result(checked)


def _result(checked: PolicyChecked) -> None:
    with st.container(key="policy-result"):
        if not checked.valid:
            st.error(f"**This is not a valid page.** {wording.plural(len(checked.faults), 'fault')}.")
            c.table(policy.remarks(checked.faults), key="policy-faults", alt="Faults by line")
            return
        st.success(f"**A valid page.** {wording.plain(policy.verdict(checked))}")
        _replays(checked)
        if checked.concerns:
            st.markdown("**A reviewer should look at these twice**")
            c.table(policy.remarks(checked.concerns), key="policy-concerns", alt="What to look at twice")
        st.markdown("**Difference from the page in force**")
        if checked.diff:
            st.code(checked.diff, language="diff", wrap_lines=True)
        else:
            st.caption("None: the text is the same.")


def _replays(checked: PolicyChecked) -> None:
    for one in checked.replay:
        st.caption(wording.plain(policy.passes(one)))
        if one.otherwise:
            alt = f"What would have gone otherwise with {one.model_name}"
            c.table(policy.otherwise(one), key=f"replay-{one.model_name}", alt=alt)
    for line in checked.left_out:
        st.caption(wording.plain(wording.sentence(line)))
    if checked.approximate:
        with st.expander("What no replay can know", key="policy-approximate"):
            for line in checked.approximate:
                st.markdown(f"- {wording.plain(line)}")
