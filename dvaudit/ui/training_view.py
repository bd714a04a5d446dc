"""The Training tab of an audit: how the tenths of a ranking are learned, and the best half."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dvaudit import audits
from dvaudit.core.dataset import Task
from dvaudit.core.errors import DvauditError
from dvaudit.core.machine import size_text
from dvaudit.findings import flags
from dvaudit.store import DatasetRecord, RunRecord, RunStatus, Workspace
from dvaudit.ui import frames, theme
from dvaudit.ui import training_charts as charts
from dvaudit.ui.contributors_charts import show
from dvaudit.ui.following import follow
from dvaudit.ui.history import number, plain_parts
from dvaudit.ui.ranking import value_columns
from dvaudit.ui.session import empty_state, refusals_shown
from dvaudit.ui.words import ago, count, duration, plain

MOST_EPOCHS = 200
MOST_SEED = 2**31 - 1
_WHAT_FOR = (
    "A small net is trained on this dataset. You see how fast each tenth of the ranking is "
    "learned, and which half of it is best to train on: where wrong labels and atypical samples "
    "part."
)
_READING = {
    "loss": "Loss of the given labels, on a logarithmic axis. A group that stays high longest "
    "holds labels the net does not get from the other samples: wrong ones, or rare ones.",
    "accuracy": "Share of given labels the net predicts, on samples it trains on. Right labels "
    "are predicted within a few epochs; wrong ones only once they are learned by heart.",
    "velocity": "How far the net's view of the group turned since the epoch before: 0 not at all, "
    "1 entirely. A group that keeps moving is still changing what the net has learned.",
}
_TITLES = {"loss": "Loss", "accuracy": "Accuracy", "velocity": "Kernel velocity"}


def show_training(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> None:
    """Show the trainings on an audit, or what one would show and the button that starts it."""
    if dataset.task is not Task.CLASSIFICATION:
        empty_state("Only for classes", "A training shows how classes are learned; this label is a "
                    "number.")  # fmt: skip
        return
    trainings = audits.trainings_of(ws, run.id)
    if trainings:
        _trained(ws, run, trainings)
    else:
        empty_state("Not trained yet", _WHAT_FOR)
        _set_up(ws, run)
    _correlations(ws, run)


def _trained(ws: Workspace, run: RunRecord, trainings: Sequence[RunRecord]) -> None:
    """Show the chosen training, finished or at work, and the way to another."""
    chosen = _choose(run, trainings)
    if chosen.status is RunStatus.DONE:
        _results(ws, run, chosen)
    else:
        follow(ws, chosen)
    # Under another key it is closed again once a run was started from it.
    again = f"train_again_{len(trainings)}"
    with st.expander("Train again", icon=":material/play_arrow:", key=again):
        _set_up(ws, run)


def _set_up(ws: Workspace, run: RunRecord) -> None:
    """Draw the choice of the ranking, what it costs, and the button."""
    methods = [name.removesuffix(".value") for name in value_columns(frames.findings(ws, run))]
    if not methods:
        st.caption("This audit gave no values to make groups of.")
        return
    ranking, epochs, seed, start = st.columns([2, 1, 1, 1.4], vertical_alignment="bottom")
    method = ranking.selectbox(
        "Ranking", methods, key="training_method", help="Whose values make the ten groups."
    )
    rounds = epochs.number_input("Epochs", 1, MOST_EPOCHS, 10, key="training_epochs")
    drawn = seed.number_input(
        "Seed", 0, MOST_SEED, 0, key="training_seed", help="The same seed gives the same result."
    )
    start.button(
        "Train and watch",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        on_click=_start,
        args=(ws, run.id, method, int(rounds), int(drawn)),
    )
    _cost(ws, run, int(rounds))


def _cost(ws: Workspace, run: RunRecord, epochs: int) -> None:
    try:
        cost = audits.estimate_training(ws, run.id, epochs=epochs)
    except DvauditError as refusal:
        st.error(plain(str(refusal)), icon=":material/error:")
        return
    st.caption(
        f"About {duration(cost.seconds)} and {size_text(cost.bytes)} of memory: "
        f"{plain(cost.plan)}. It runs in the background: this page may be closed or reloaded."
    )


def _start(ws: Workspace, run_id: str, method: str, epochs: int, seed: int) -> None:
    with refusals_shown():
        made = audits.start_training(ws, run_id, valuator=method, epochs=epochs, seed=seed)
        st.session_state[_chosen_key(run_id)] = made


def _chosen_key(run_id: str) -> str:
    return f"training_of_{run_id}"


def _choose(run: RunRecord, trainings: Sequence[RunRecord]) -> RunRecord:
    """Return the training to show: the one chosen, else the newest."""
    known = {training.id: training for training in trainings}
    key = _chosen_key(run.id)
    if st.session_state.get(key) not in known:
        st.session_state[key] = trainings[0].id
    if len(known) == 1:
        return trainings[0]
    chosen = st.selectbox(
        "Training",
        list(known),
        format_func=lambda key: _words(known[key]),
        key=key,
        persist_state="session",
        width=420,
    )
    return known[str(chosen)]


def _words(training: RunRecord) -> str:
    params = training.params
    done = "" if training.status is RunStatus.DONE else f", {training.status}"
    return (
        f"{number(training)}: {params['valuator']}, {count(params['epochs'], 'epoch')}, "
        f"seed {params['seed']}{done}"
    )


def _results(ws: Workspace, run: RunRecord, training: RunRecord) -> None:
    groups, table = (frames.tables(ws, training, name) for name in ("groups", "windows"))
    summary = frames.summary(ws, training)
    st.caption(_facts(training, summary))
    st.markdown(_meaning(ws, run, training, str(summary["valuator"])))
    left, right = st.columns(2, gap="medium")
    for place, column in ((left, "loss"), (right, "accuracy"), (left, "velocity")):
        with place:
            st.header(_TITLES[column])
            show(
                charts.group_lines(groups, column, dark=theme.dark()),
                key=f"training_{column}",
                alt=charts.lines_alt(groups, column),
            )
            st.caption(_READING[column])
    with right:
        st.header("Which half to train on")
        show(charts.windows(table), key="training_windows", alt=charts.windows_alt(table))
        st.caption(_window_words(table, summary))


def _facts(training: RunRecord, summary: dict[str, Any]) -> str:
    parts = [
        f"Training {number(training)}",
        f"ranking by {summary['valuator']}",
        count(int(summary["epochs"]), "epoch"),
        count(int(summary["trained"]), "labelled sample"),
        f"features: {summary['features']}",
    ]
    if training.started and training.finished:
        parts.append(f"took {duration((training.finished - training.started).total_seconds())}")
    return plain_parts([*parts, ago(training.finished or training.created)])


def _meaning(ws: Workspace, run: RunRecord, training: RunRecord, method: str) -> str:
    """Say what the groups are, and how many flags lie in the first by the cut-off as it stands."""
    said = (
        f"**Ten groups by value of {plain(method)}**: group 1 is the tenth it finds least useful, "
        "group 10 the most."
    )
    group = frames.findings(ws, training)["group"]
    flagged = flags(frames.findings(ws, run), ws.cut_off(run.id))
    first = (group == 1).fillna(False).to_numpy(dtype=bool)
    if flagged.any() and first.any():
        inside, among = int((flagged & first).sum()), count(int(flagged.sum()), "flagged sample")
        said += (
            f" Group 1 holds {'all' if inside == flagged.sum() else f'{inside:,} of the'} {among}."
        )
    return said


def _window_words(table: pd.DataFrame, summary: dict[str, Any]) -> str:
    """Return how to read the window curve, what this one says, and what it was tested on."""
    trained = int(table["trained"].iloc[0])
    return (
        f"Each point trains on half of the samples ({trained:,}), leaving out the most useful ones "
        "before it. Where it rises, harder samples are worth keeping; where it falls, wrong labels "
        f"come in. **{charts.window_reading(table)}**\n\n{plain(str(summary['held_out']))} Bars "
        "are 95% intervals for a part of this size."
    )


def _correlations(ws: Workspace, run: RunRecord) -> None:
    """Show how well successive epochs agree, where a method of the audit recorded it."""
    record = frames.summary(ws, run)["record"].get("valuators", {})
    for method, stats in record.items():
        found = stats.get("epoch_spearman")
        if found:
            st.header("Ranking over epochs")
            show(
                charts.epoch_correlation(found),
                key=f"epoch_spearman_{method}",
                alt=f"Rank correlation of {method} between successive epochs, from {found[0]:.3f} "
                f"to {found[-1]:.3f}",
            )
            st.caption(
                f"Rank correlation of {plain(method)} in the features of one epoch with that of "
                "the epoch before, from the audit. Near 1, the ranking has settled, and more "
                f"epochs change little; it ends at {found[-1]:.3f}."
            )
