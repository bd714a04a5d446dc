"""Home: the datasets of the workspace, and where work on each of them goes on."""

import streamlit as st

from dvaudit.ui import home_cards, home_removal, home_start
from dvaudit.ui.session import workspace

ws = workspace()
home_removal.refusal_shown()
datasets = home_cards.by_activity(ws)
if not datasets:
    home_start.welcome(ws)
    st.stop()

with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
    with st.container(gap="xsmall", width="content"):
        st.title("Home")
        st.caption(home_cards.total(ws, datasets))
    home_start.add_button("Add a dataset")

for activity in home_cards.page_of(datasets):
    home_cards.card(ws, activity)
