"""A page that looks by itself says so: only what a person does keeps their session alive."""

import httpx
from streamlit.testing.v1 import AppTest

from ui.api_client import ApiClient


def _looks() -> None:
    import streamlit as st  # here, because the script is cut out of this file

    from ui import clock, session

    @clock.fragment(run_every=3600)
    def part() -> None:
        st.write(f"part {session.by_itself()}")

    with session.run():
        st.write(f"page {session.by_itself()}")
        part()
        if "redrawn" not in st.session_state:
            st.button("Go on", key="go")
            if st.session_state.go:
                st.session_state.redrawn = True
                session.redraw()
    part()  # as when its time has come
    st.write(f"after {session.by_itself()}")


def _said(at: AppTest) -> list[str]:
    return [str(one.value) for one in at.markdown]


def test_a_part_that_runs_in_its_own_time_is_nobodys_and_so_is_a_page_that_was_drawn_anew_for_it() -> None:
    at = AppTest.from_function(_looks).run()
    assert _said(at) == ["page False", "part False", "part True", "after False"]
    at.button(key="go").click().run()
    assert _said(at) == ["page True", "part True", "part True", "after False"]
    assert _said(at.run())[0] == "page False", "a person is back"


def test_the_api_hears_of_it() -> None:
    heard: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        heard.append(request.headers.get("x-unattended"))
        return httpx.Response(204)

    client = ApiClient("http://api", transport=httpx.MockTransport(answer))
    for unattended in (False, True):
        client.with_token("t", unattended=unattended).logout()
    assert heard == [None, "1"]
