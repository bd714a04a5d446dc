"""What helped and hurt a sample asked about: two columns of samples, and two charts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dvaudit import audits
from dvaudit.core.dataset import Kind, Task
from dvaudit.core.decisions import Decision
from dvaudit.findings import flags
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import frames, theme
from dvaudit.ui import influence_charts as charts
from dvaudit.ui.components.gallery import gallery
from dvaudit.ui.contributors_charts import show
from dvaudit.ui.influence_answers import Answer
from dvaudit.ui.influence_data import Scope
from dvaudit.ui.sample_facts import given_label, short_label, suggested_label, verdict_text
from dvaudit.ui.sample_lists import beside_own_columns, more_button, sample_card
from dvaudit.ui.samples_view import open_sample, sample_table
from dvaudit.ui.session import empty_state
from dvaudit.ui.words import count

STEP, MOST = 12, 240
SHOWN_FEATURES = 12
_SHOWN, _OF = "influence_shown", "of"


def choose_scope(dataset: DatasetRecord, everything: str) -> Scope:
    """Draw the choice of whose loss is asked about; `everything` is what all samples are called."""
    words = {
        Scope.SAMPLE: "This sample",
        Scope.CLASS: "Its whole class",
        Scope.ALL: everything,
    }
    if dataset.task is not Task.CLASSIFICATION:
        del words[Scope.CLASS]
    if st.session_state.get(_OF) not in (None, *words):  # chosen for data that has classes
        del st.session_state[_OF]
    chosen = st.segmented_control(
        "Whose loss",
        [scope.value for scope in words],
        format_func=lambda item: words[Scope(item)],
        default=Scope.SAMPLE.value,
        required=True,
        key=_OF,
        bind="query-params",
        help="A class, or all: the mean influence over all of its samples that can be asked about.",
    )
    return Scope(chosen or Scope.SAMPLE)


def results(ws: Workspace, dataset: DatasetRecord, run: RunRecord, answer: Answer) -> None:
    """Show the samples that helped and hurt most, how influence spreads, and its sum by class."""
    influence = answer.influence
    frame = frames.findings(ws, run)
    st.markdown(answer.asked)
    known = np.isfinite(influence)
    if not known.any():
        empty_state("No influence", "No sample was trained on while this one was left out.")
        return
    st.caption(_totals(influence, known, answer.why_none))
    shown = min(int(st.session_state.get(_SHOWN, STEP)), MOST)
    helped, hurt = audits.most_influential(influence, shown)
    _both(ws, dataset, run, frame, influence, helped, hurt, answer.key)
    _more(influence, shown)
    left, right = st.columns(2, gap="medium")
    with left:
        _spread(influence, helped, hurt)
    with right:
        _classes(dataset, frame, influence, answer.label)


def _totals(influence: NDArray[np.float32], known: NDArray[np.bool_], why_none: str) -> str:
    """Say how many helped and hurt, and why others have no influence."""
    helped, hurt = influence > 0, influence < 0
    said = (
        f"{count(int(helped.sum()), 'sample')} helped ({_signed(influence[helped].sum())} in all), "
        f"{int(hurt.sum()):,} hurt ({_signed(influence[hurt].sum())} in all); unit: loss."
    )
    unknown = int((~known).sum())
    if unknown:
        said += f" {count(unknown, 'sample')} {'has' if unknown == 1 else 'have'} none: {why_none}."
    return said


def _both(
    ws: Workspace,
    dataset: DatasetRecord,
    run: RunRecord,
    frame: pd.DataFrame,
    influence: NDArray[np.float32],
    helped: NDArray[np.int64],
    hurt: NDArray[np.int64],
    asked: str,
) -> None:
    flagged = flags(frame, ws.cut_off(run.id))
    decisions = audits.decisions(ws, dataset.id)
    pictures = dataset.kind is Kind.IMAGE and not st.toggle(
        "Rows with ids", key="influence_rows", bind="query-params"
    )
    places = st.columns(2, gap="medium") if pictures else (st.container(), st.container())
    opened = []
    for place, positions, sign, word in (
        (places[0], helped, 1, "helped"),
        (places[1], hurt, -1, "hurt"),
    ):
        with place:
            st.header(f"{word.capitalize()} most")
            st.caption(_share(influence, positions, sign, word))
            if not len(positions):
                continue
            if pictures:
                cards = [
                    sample_card(
                        frame,
                        int(at),
                        task=dataset.task,
                        value=_signed(influence[at]),
                        flagged=bool(flagged[at]),
                        decisions=decisions,
                    )
                    for at in positions
                ]
                opened.append(gallery(dataset.id, cards, key=f"{word}_gallery", size=82))
            else:
                features = frames.features(ws, dataset)
                task = dataset.task
                rows = _rows(features, frame, positions, influence, flagged, task, decisions)
                sample_table(
                    rows,
                    positions,
                    key=f"{word}_rows_{asked}",
                    name=f"Samples that {word} most",
                )
    for position in opened:
        if position is not None:
            open_sample(position)


def _share(
    influence: NDArray[np.float32], positions: NDArray[np.int64], sign: int, word: str
) -> str:
    """Say how many there are beside those shown, and how much of it all they make."""
    side = influence[influence * sign > 0]
    if not len(side):
        return f"No sample {word}."
    part = float(influence[positions].sum() / side.sum())
    share = "more than 99%" if part >= 0.995 and len(positions) < len(side) else f"{part:.0%}"
    help_or_harm = "help" if sign > 0 else "harm"
    return f"{len(positions):,} of {len(side):,} that {word}; {share} of all {help_or_harm}."


def _more(influence: NDArray[np.float32], shown: int) -> None:
    most = max(int((influence > 0).sum()), int((influence < 0).sum()))
    if shown >= most:
        return
    if shown >= MOST:
        st.caption(f"The first {MOST:,} of each are shown.")
        return
    more_button(_SHOWN, shown, STEP, f"Show {STEP} more of each")


def _rows(
    features: pd.DataFrame,
    frame: pd.DataFrame,
    positions: NDArray[np.int64],
    influence: NDArray[np.float32],
    flagged: NDArray[np.bool_],
    task: Task | None,
    decisions: dict[str, Decision],
) -> pd.DataFrame:
    found = frame.iloc[positions]
    columns: dict[str, Any] = {
        "Influence": [_signed(influence[at]) for at in positions],
        "Id": found["id"].astype(str),
        "Given": [short_label(given_label(frame, int(at)), task) for at in positions],
        "Flagged": ["flagged" if flagged[at] else "" for at in positions],
        "Suggested": [short_label(suggested_label(frame, int(at)), task) or "" for at in positions],
    }
    verdicts = [verdict_text(decisions.get(str(name))) for name in found["id"]]
    if any(verdicts):
        columns["Verdict"] = verdicts
    return beside_own_columns(pd.DataFrame(columns), features, positions, SHOWN_FEATURES)


def _signed(value: float | np.floating) -> str:
    """Return a number with its sign and three significant digits."""
    return f"{float(value):+#.3g}"


def _colours() -> tuple[str, str]:
    return theme.accent(), theme.flag()


def _spread(
    influence: NDArray[np.float32], helped: NDArray[np.int64], hurt: NDArray[np.int64]
) -> None:
    st.header("All influences")
    ends = [float(influence[side[-1]]) if len(side) else None for side in (hurt, helped)]
    show(
        charts.spread(influence, ends[0], ends[1], _colours()),
        key="influence_spread",
        alt=charts.spread_alt(influence, ends[0], ends[1]),
    )
    st.caption(
        "Beyond the dotted lines lie the samples shown above. Where bars differ much in height, "
        "counts are on a logarithmic axis."
    )


def _classes(
    dataset: DatasetRecord, frame: pd.DataFrame, influence: NDArray[np.float32], own: str | None
) -> None:
    st.header("By class")
    if dataset.task is not Task.CLASSIFICATION:
        st.caption("The label is a number, so there are no classes to sum over.")
        return
    sums = audits.influence_by_class(frame["given_label"], influence)
    place = {name: at for at, name in enumerate(dataset.class_names)}
    sums = sums.sort_values("label", key=lambda names: names.map(place), kind="stable")
    drawn = charts.shown_classes(sums, own)
    show(
        charts.by_class(drawn, own, _colours()),
        key="influence_classes",
        alt=charts.by_class_alt(drawn, own),
    )
    hidden = len(sums) - len(drawn)
    more = (
        f" {count(hidden, 'class', 'classes')} with smaller sums are not drawn." if hidden else ""
    )
    marked = " In bold: the class asked about." if own is not None else ""
    st.caption(f"Influences of the samples given each label, added up.{marked}{more}")
