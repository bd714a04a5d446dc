"""What a self-test found: the recommendation, recall curves, and recall and AUROC per method."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dvaudit.findings import Plant
from dvaudit.reports import write_csv
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import compare_charts as charts
from dvaudit.ui import frames, theme
from dvaudit.ui.contributors_charts import show
from dvaudit.ui.history import number, plain_parts
from dvaudit.ui.ranking import numbers
from dvaudit.ui.words import ago, count, duration, plain

MOST_LINES = 10
BEGINNING = 3  # times the share planted
_PLANTED = {
    Plant.UNIFORM: "labels replaced by any other class",
    Plant.PAIRS: "labels replaced along confusions",
    Plant.NOISE: "samples with noisy features",
}


@st.fragment
def results(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> None:
    """Show a finished self-test."""
    summary, means = frames.summary(ws, run), frames.tables(ws, run, "methods")
    scores = frames.tables(ws, run, "scores")
    st.caption(_facts(run, summary, scores))
    if summary["recommended"]:
        st.success(
            f"**Recommended here: {plain(str(summary['recommended']))}.** "
            f"{plain(str(summary['why']))}",
            icon=":material/verified:",
        )
    else:
        st.warning(plain(str(summary["why"])), icon=":material/help:")
    _curves(ws, run, summary, means)
    _table(dataset, run, summary, means, scores)


def _facts(run: RunRecord, summary: dict[str, Any], scores: pd.DataFrame) -> str:
    planted = numbers(scores.drop_duplicates("seed"), "planted")
    few, many = int(planted.min()), int(planted.max())
    parts = [
        f"Self-test {number(run)}",
        f"{few:,} {_PLANTED[Plant(summary['kind'])]}"
        if few == many
        else f"{few:,} to {many:,} {_PLANTED[Plant(summary['kind'])]}",
        f"each of {int(scores['candidates'].iloc[0]):,} samples with probability "
        f"{summary['share']:.0%}",
        f"{count(len(summary['seeds']), 'round')}, {_seeds(summary['seeds'])}",
        f"features: {summary['features']}",
    ]
    noise = summary.get("noise")
    if noise and noise[0] < noise[1]:
        parts.append(
            f"noise in the feature vectors, {noise[0]:g} to {noise[1]:g} standard deviations"
        )
    elif noise:
        parts.append(f"noise of {noise[1]:g} standard deviations")
    if summary.get("left_out"):
        parts.append(
            f"left out, because they train on the pictures: {', '.join(summary['left_out'])}"
        )
    if summary["trusted"]:
        parts.append(f"trusted set: {summary['trusted']}")
    if run.started and run.finished:
        parts.append(f"took {duration((run.finished - run.started).total_seconds())}")
    return plain_parts([*parts, ago(run.finished or run.created)])


def _seeds(seeds: list[int]) -> str:
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if seeds == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seeds {', '.join(map(str, seeds))}"


def _curves(ws: Workspace, run: RunRecord, summary: dict[str, Any], means: pd.DataFrame) -> None:
    st.header("Found by effort")
    chance = float(summary["chance"])
    most = min(1.0, BEGINNING * float(summary["share"]))
    part = st.segmented_control(
        "Part of the review",
        ["all", "beginning"],
        format_func=lambda key: "Whole review" if key == "all" else f"First {most:.0%}",
        default="all",
        required=True,
        key="selftest_part",
        label_visibility="collapsed",
    )
    names = [str(name) for name in means["method"]]
    lines = charts.mean_curves(frames.tables(ws, run, "curves"))
    show(
        charts.recall(
            lines,
            names[:MOST_LINES],
            chance,
            most if part == "beginning" else 1.0,
            dark=theme.dark(),
        ),
        key="selftest_curves",
        alt=charts.recall_alt(means[:MOST_LINES], chance),
    )
    said = (
        "Share of the planted errors among the samples reviewed, lowest value first. The upright "
        "line: as many reviewed as were planted."
    )
    if len(summary["seeds"]) > 1:
        said += (
            f" Lines are means over {len(summary['seeds']):,} rounds, bands reach from the lowest "
            "round to the highest."
        )
    if len(names) > MOST_LINES:
        said += f" The {MOST_LINES} best of {len(names)} methods are drawn; the table has all."
    st.caption(said)


def _table(
    dataset: DatasetRecord,
    run: RunRecord,
    summary: dict[str, Any],
    means: pd.DataFrame,
    scores: pd.DataFrame,
) -> None:
    st.header("Per method")
    shown = pd.DataFrame(
        {
            "Method": [*means["method"], "random order"],
            "Recall at k": [
                *_with_errors(numbers(means, "recall"), numbers(means, "recall_std_error"), "%"),
                f"{summary['chance']:.1%}",
            ],
            "AUROC": [
                *_with_errors(numbers(means, "auroc"), numbers(means, "auroc_std_error"), ""),
                "0.500",
            ],
            "Cost": [*(_cost(float(value)) for value in means["seconds"]), ""],
        }
    )
    st.dataframe(
        shown,
        hide_index=True,
        height="content",
        alt="Recall at k and AUROC of each method with standard errors, and of a random order",
    )
    st.caption(
        "Means ± one standard error. **Recall at k**: share of the planted errors among the first "
        "k samples, k being as many as were planted. **AUROC**: how often a planted error is "
        "ranked before another sample. Errors that were in the data before rank low too and count "
        "as misses here, so both are rather too low. **Cost**: of one run, estimated."
    )
    st.download_button(
        "Download CSV",
        data=lambda: _csv(scores),
        file_name=f"selftest-{number(run)}.csv",
        mime="text/csv",
        key=f"download_selftest_{run.id}",
        icon=":material/download:",
        on_click="ignore",
        help=f"A row for each method and round on {plain(dataset.name)}.",
    )


def _with_errors(values: Any, errors: Any, unit: str) -> list[str]:
    """Return "83.1 ± 1.2%" or "0.912 ± 0.004"; without an error where there is none."""
    texts = []
    for value, error in zip(values, errors, strict=True):
        if unit == "%":
            texts.append(f"{100 * value:.1f} ± {100 * error:.1f}%")
        else:
            texts.append(f"{value:.3f}" + (f" ± {error:.3f}" if error == error else ""))
    return texts


def _cost(seconds: float) -> str:
    if seconds >= 1:
        return duration(seconds)
    return f"{seconds:.1f} s" if seconds >= 0.05 else "below 0.1 s"


def _csv(scores: pd.DataFrame) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write_csv(scores, Path(folder) / "selftest.csv").read_bytes()
