"""Review: one sample at a time, decided by keyboard, by one person or by several."""

import streamlit as st

from dvaudit.core.dataset import Task
from dvaudit.ui import history_view, queue_choice, review_view, team_view
from dvaudit.ui.addressed import misread, not_followed
from dvaudit.ui.boards import review_board
from dvaudit.ui.reviewer import choose_reviewer
from dvaudit.ui.session import empty_state, require_audit, workspace
from dvaudit.ui.words import plain

ws = workspace()
with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
    with st.container(gap="xsmall", width="content"):
        st.title("Review")
        head = st.container()
    name = st.container(width=260)

dataset, run = require_audit(ws)
if dataset.task is Task.UNSUPERVISED:
    head.caption(f"Judge labels by keyboard, alone or with others; {plain(dataset.name)} has none.")
    empty_state(
        "This dataset has no labels",
        "There are none to judge. Its outliers and duplicates are on the Samples page.",
        "pages/samples.py",
        "Go to Samples",
    )
    st.stop()
head.caption(f"Judge the labels of {plain(dataset.name)} by keyboard, alone or with others.")
board = review_board(ws, dataset, run)
with name:
    choose_reviewer(board.spelled)
tabs = ("Queue", "Team", "History")
not_followed(misread("review", tabs, "tab"), "this page")
judging, team, past = st.tabs(tabs, key="review", on_change="rerun", bind="query-params")
if judging.open:
    with judging:
        queue = queue_choice.choose_queue(ws, dataset, run, board)
        st.caption(queue_choice.said(ws, dataset, run, queue.kind))
        review_view.review_samples(ws, dataset, run, queue)
if team.open:
    with team:
        team_view.team(ws, dataset, run, board)
if past.open:
    with past:
        history_view.history(ws, dataset)
