"""What lists of samples have in common: cards, rows beside the data's own columns, and more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dvaudit.core.dataset import Task
from dvaudit.core.decisions import Decision
from dvaudit.ui.components.gallery import Card
from dvaudit.ui.sample_facts import given_label, short_label, suggested_label


def sample_card(
    frame: pd.DataFrame,
    at: int,
    *,
    task: Task | None,
    value: str,
    flagged: bool,
    decisions: Mapping[str, Decision],
) -> Card:
    """Return the card of the sample at a position of an audit's frame; `value` is its caption."""
    name = str(frame["id"].iat[at])
    decision = decisions.get(name)
    return Card(
        position=at,
        label=short_label(given_label(frame, at), task) or "no label",
        value=value,
        flagged=flagged,
        suggestion=short_label(suggested_label(frame, at), task) if flagged else None,
        verdict=None if decision is None else decision.verdict.value,
        name=name,
    )


def beside_own_columns(
    facts: pd.DataFrame, own: pd.DataFrame, positions: Sequence[int] | NDArray[np.int64], most: int
) -> pd.DataFrame:
    """Return one row per fact, followed by the first columns of the data itself.

    Args:
        facts: one row for each of `positions`.
        own: the data's own columns, of all samples.
        most: of the own columns.
    """
    rows = own.iloc[list(positions), :most].reset_index(drop=True)
    taken = {*map(str, facts.columns)}
    names = []
    for name in map(str, rows.columns):
        while name in taken:  # a table with two columns of one name is not drawn
            name = f"{name} (column)"
        taken.add(name)
        names.append(name)
    return pd.concat([facts.reset_index(drop=True), rows.set_axis(names, axis=1)], axis=1)


def more_button(key: str, shown: int, step: int, label: str) -> None:
    """Draw a button that lets the number of shown samples, kept under `key`, grow by a step."""

    def grow() -> None:
        st.session_state[key] = shown + step

    st.button(label, icon=":material/expand_more:", on_click=grow)
