"""What speaks for and against one sample: values, class scores, duplicates, neighbours."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dvaudit.core.dataset import Kind, Task
from dvaudit.core.errors import NotFoundError
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import frames, theme
from dvaudit.ui.components.gallery import Card, gallery
from dvaudit.ui.ranking import numbers
from dvaudit.ui.sample_facts import class_order, given_label, short_label, value_table
from dvaudit.ui.sample_lists import beside_own_columns
from dvaudit.ui.samples_view import open_sample
from dvaudit.ui.words import count, plain

PICTURES, ROWS = 5, 3
MOST_COPIES = 24
MOST_BARS = 8


def values(frame: pd.DataFrame, position: int) -> None:
    """Show the value of a sample by every method, its interval, and its rank among all."""
    table = value_table(frame, position)
    if table.empty:
        st.caption("No method of this audit values this sample.")
        return
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        column_config={
            "Rank": st.column_config.TextColumn(help="1 is the least useful sample."),
            "95% interval": st.column_config.TextColumn(
                help="Where the method draws at random; a dash where it is exact."
            ),
        },
        alt="The value of this sample by each method, with its interval and rank",
    )


def class_scores(
    ws: Workspace, dataset: DatasetRecord, run: RunRecord, frame: pd.DataFrame, position: int
) -> None:
    """Show what models trained without this sample say of its class, where a method tells."""
    if dataset.task is not Task.CLASSIFICATION:
        return
    for method in run.params.get("valuators", ()):
        try:
            scores = ws.run_array(run.id, f"{method}-class_scores")[position]
        except NotFoundError:
            continue
        if scores.shape != (len(dataset.class_names),) or not np.isfinite(scores).any():
            continue
        _score_bars(str(method), dataset.class_names, scores, given_label(frame, position))
        return


def _score_bars(method: str, names: tuple[str, ...], scores: np.ndarray, given: str | None) -> None:
    st.markdown(f"**What the others say of its class** ({plain(method)})")
    order = class_order(scores, names, given, MOST_BARS)
    shades = [theme.flag() if names[at] == given else theme.accent() for at in order]
    figure = go.Figure(
        go.Bar(
            x=[float(scores[at]) for at in order],
            y=[_bar_text(names[at], given) for at in order],
            orientation="h",
            marker_color=shades,
            hovertemplate="%{y}: %{x:.4g}<extra></extra>",
        ),
        layout={
            "height": 60 + 26 * len(order),
            "margin": {"l": 0, "r": 4, "t": 4, "b": 52},
            "showlegend": False,
        },
    )
    figure.update_yaxes(autorange="reversed", type="category", fixedrange=True)
    figure.update_xaxes(
        title={"text": "Score without this sample", "standoff": 14}, fixedrange=True, nticks=5
    )
    best = names[order[0]]
    st.plotly_chart(
        figure,
        key=f"scores_{method}",
        config={"displayModeBar": False},
        alt=f"Scores of {len(order)} classes by models without this sample; {best} is highest",
    )
    rest = len(names) - len(order)
    if rest:
        st.caption(f"{count(rest, 'class', 'classes')} with lower scores not shown.")


def _bar_text(name: str, given: str | None) -> str:
    short = name if len(name) <= 24 else f"{name[:23]}…"
    shown = short.replace("<", "&lt;")
    return f"{shown} (given)" if name == given else shown


def duplicates(dataset: DatasetRecord, frame: pd.DataFrame, position: int) -> None:
    """List the other samples of the group of duplicates that a sample belongs to."""
    own = numbers(frame, "duplicate_group")[position]
    if not np.isfinite(own):
        return
    others = np.flatnonzero(numbers(frame, "duplicate_group") == own)
    others = others[others != position]
    shown = others[:MOST_COPIES]
    more = f", the first {len(shown)} shown" if len(shown) < len(others) else ""
    st.markdown(f"**{count(len(others), 'duplicate')} of this sample**{more}")
    if dataset.kind is Kind.IMAGE:
        cards = [
            Card(int(at), _label(dataset, frame, int(at)), name=str(frame["id"].iat[at]))
            for at in shown
        ]
        _follow(gallery(dataset.id, cards, key="copies", size=84))
        return
    with st.container(horizontal=True, gap="xsmall"):
        for at in shown:
            name, label = str(frame["id"].iat[at]), _label(dataset, frame, int(at))
            words = f"{plain(name)}, {plain(label)}"
            if st.button(words, key=f"copy_{at}", icon=":material/open_in_new:"):
                _follow(int(at))


def _label(dataset: DatasetRecord, frame: pd.DataFrame, position: int) -> str:
    return short_label(given_label(frame, position), dataset.task) or "no label"


def _follow(opened: int | None) -> None:
    if opened is not None:
        open_sample(opened)
        st.rerun()


def neighbours(ws: Workspace, dataset: DatasetRecord, run: RunRecord, position: int) -> None:
    """Show the nearest samples with the same label, and with other labels."""
    pictures = dataset.kind is Kind.IMAGE
    found = frames.neighbours(ws, run, position, PICTURES if pictures else ROWS)
    places = st.columns(2, gap="medium") if pictures else (st.container(), st.container())
    for place, same in zip(places, (True, False), strict=True):
        near = [other for other in found if other.same == same]
        if near:
            with place:
                st.markdown(f"**{_nearest(dataset.task, same)}**")
                if pictures:
                    _neighbour_pictures(dataset, near, same)
                else:
                    _neighbour_rows(ws, dataset, position, near, same)


def _nearest(task: Task | None, same: bool) -> str:
    if task is not Task.CLASSIFICATION:
        return "Nearest"
    return f"Nearest with {'the same label' if same else 'other labels'}"


def _neighbour_pictures(dataset: DatasetRecord, near: list[frames.Neighbour], same: bool) -> None:
    cards = [
        Card(
            other.position,
            short_label(other.label, dataset.task) or "no label",
            _angle(other),
            name=other.id,
        )
        for other in near
    ]
    _follow(gallery(dataset.id, cards, key=f"near_{same}", size=84))


def _neighbour_rows(
    ws: Workspace,
    dataset: DatasetRecord,
    position: int,
    near: list[frames.Neighbour],
    same: bool,
) -> None:
    features = frames.features(ws, dataset)
    facts = pd.DataFrame(
        {
            "Id": [other.id for other in near],
            "Given": [short_label(other.label, dataset.task) for other in near],
            "Angle": [_angle(other) for other in near],
        }
    )
    if dataset.task is Task.UNSUPERVISED:
        facts = facts.drop(columns="Given")
    places = [other.position for other in near]
    st.dataframe(
        beside_own_columns(facts, features, places, features.shape[1]),
        key=f"near_rows_{same}_{position}",
        hide_index=True,
        height="content",
        alt="Neighbours, nearest first",
    )


def _angle(other: frames.Neighbour) -> str:
    """Return how far a neighbour is, in degrees between the two vectors."""
    return f"{other.angle * 57.29578:.0f}°"
