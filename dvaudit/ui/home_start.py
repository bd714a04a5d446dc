"""The first visit: what dvaudit does, and two ways to begin."""

from __future__ import annotations

import streamlit as st

from dvaudit import audits
from dvaudit.store import Workspace
from dvaudit.ui import importing
from dvaudit.ui.session import refusals_shown, select


def welcome(ws: Workspace) -> None:
    """Draw the page of somebody who has no dataset yet."""
    st.title("Find the labels that are wrong")
    st.caption("Add images or a table. dvaudit says which labels to look at first, and why.")
    importing.introduction()
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        st.space("small")
        st.markdown("## No dataset yet", text_alignment="center")
        st.markdown(
            "Begin with your own data, or look around with a sample: 1,797 handwritten digits, "
            "about 6% of them labelled wrong on purpose. Its audit takes about half a minute.",
            text_alignment="center",
        )
        with st.container(horizontal=True, horizontal_alignment="center"):
            add_button("Add a dataset")
            st.button(
                "Try the sample",
                key="try_sample",
                icon=":material/science:",
                on_click=_begin_sample,
                args=(ws,),
            )
        st.space("small")


def add_button(label: str) -> None:
    """Draw the button that leads to the form for a new dataset."""
    if st.button(label, key="home_add", type="primary", icon=":material/add:"):
        st.switch_page("pages/data.py", query_params={"add": "1"})


def _begin_sample(ws: Workspace) -> None:
    with refusals_shown():
        select(audits.start_sample(ws))
