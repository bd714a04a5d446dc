"""What an export would change, and the files to take away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from dvaudit import audits
from dvaudit.core.dataset import Task
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.machine import size_text
from dvaudit.findings import CutOff, flags
from dvaudit.reports.listed import changes_data, given_labels
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import frames
from dvaudit.ui.sample_facts import text_or_none
from dvaudit.ui.session import empty_state, page_button, refusals_shown
from dvaudit.ui.shell import PAGES
from dvaudit.ui.words import count, plain

MOST_CHANGES = 1000
_PREPARED, _PRUNING = "prepared_exports", "pruning"
VERDICTS_ONLY, WITH_SUGGESTIONS = "verdicts", "suggestions"
_TILES = (
    (Verdict.RELABEL, "Relabelled", "get another label"),
    (Verdict.DROP, "Dropped", "are left out"),
    (Verdict.KEEP, "Kept", "judged right, unchanged"),
    (Verdict.UNSURE, "Unsure", "unchanged"),
)
_PRODUCTS = (
    ("dataset", "Cleaned data", ":material/folder_zip:",
     "The dataset in its original format and layout, with the changes applied."),
    ("corrections", "corrections.csv", ":material/edit_note:",
     "The flagged samples with a suggested label, and those you relabelled or dropped: id, "
     "given and suggested label, rank, verdict, new label."),
    ("flagged", "Flagged rows", ":material/flag:",
     "All columns of the audit for the samples above the cut-off."),
    ("patch", "Patch", ":material/difference:",
     "The verdicts as JSON, by id and content, to apply to a newer copy of the data: below, or "
     "with dvaudit apply."),
)  # fmt: skip
_OF_LABELS = ("corrections", "flagged")  # without labels they would be empty


def choose_changes(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> dict[str, Decision]:
    """Draw the choice of what to apply, and return the decisions by sample id."""
    verdicts = audits.planned_changes(ws, dataset.id, run.id)
    unseen = audits.unjudged_suggestions(ws, dataset.id, run.id)
    judged = f"{count(len(verdicts), 'sample')} judged by a person."
    if not unseen.decisions:
        # A choice of one: a disabled control would say it in a grey that cannot be read.
        st.markdown("**Apply:** verdicts only")
        st.caption(f"{judged} There is no suggestion to apply that nobody has judged.")
        return verdicts
    chosen = st.radio(
        "Apply",
        [VERDICTS_ONLY, WITH_SUGGESTIONS],
        format_func=lambda choice: (
            "Verdicts only"
            if choice == VERDICTS_ONLY
            else "Verdicts, and the suggestions nobody has judged"
        ),
        captions=[
            judged,
            f"Also relabels {count(len(unseen.decisions), 'sample')} that nobody has looked at: "
            f"{unseen_words(unseen)}.",
        ],
        key="apply",
        persist_state="session",
    )
    if unseen.too_many_flags:
        st.warning(
            f"{count(unseen.flagged, 'sample')} are flagged, and about {unseen.wrong:,} are "
            "estimated to be wrong: many flags are on right labels, and some suggestions are "
            "wrong, too. Review samples before you apply suggestions that nobody has judged.",
            icon=":material/warning:",
        )
    return {**verdicts, **unseen.decisions} if chosen == WITH_SUGGESTIONS else verdicts


def unseen_words(unseen: audits.Unjudged) -> str:
    """Return which flagged samples may be relabelled unseen, and why these."""
    if unseen.wrong is None:
        return (
            f"all {unseen.flagged:,} flagged, because how many labels are wrong could not be "
            "estimated"
        )
    if unseen.wrong < unseen.flagged:
        return (
            f"the {unseen.considered:,} most suspicious of {unseen.flagged:,} flagged, as many "
            "as are estimated to be wrong"
        )
    return f"all {unseen.flagged:,} flagged, no more than are estimated to be wrong"


def cut_off_note(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> None:
    """Say what counts as flagged in the files below."""
    if dataset.task is Task.UNSUPERVISED:
        st.caption(
            "This data has no labels, so nothing is flagged or suggested: there are no corrections "
            "and no flagged rows to take away."
        )
        return
    cut = ws.cut_off(run.id)
    found = int(flags(frames.findings(ws, run), cut).sum())
    st.caption(
        f"{count(found, 'sample')} {'is' if found == 1 else 'are'} flagged: {cut.words()}. "
        "The cut-off on the Samples page moves that line."
    )


def with_suggestions() -> bool:
    """True when the person chose to apply suggestions nobody has judged."""
    return bool(st.session_state.get("apply") == WITH_SUGGESTIONS)


def change_counts(ws: Workspace, run: RunRecord, decisions: Mapping[str, Decision]) -> None:
    """Show how many samples change, by verdict; a relabel to the given label keeps it."""
    changing = change_table(frames.findings(ws, run), decisions)
    counts = Counter(decision.verdict for decision in decisions.values())
    relabelled = int((changing["Change"] == "relabelled").sum())
    counts[Verdict.KEEP] += counts[Verdict.RELABEL] - relabelled
    counts[Verdict.RELABEL] = relabelled
    with st.grid(4, gap="small"):
        for verdict, title, note in _TILES:
            st.metric(
                title,
                f"{counts[verdict]:,}",
                note,
                delta_color="off",
                delta_arrow="off",
                border=True,
                height="stretch",
            )


def changes(
    ws: Workspace, dataset: DatasetRecord, run: RunRecord, decisions: Mapping[str, Decision]
) -> None:
    """List the samples that change."""
    table = change_table(frames.findings(ws, run), decisions)
    if table.empty and dataset.task is Task.UNSUPERVISED:
        empty_state(
            "Nothing changes",
            "There are no labels to judge, so the cleaned data equals the original. Outliers and "
            "duplicates are on the Samples page.",
            "pages/samples.py",
            "Go to Samples",
        )
        return
    if table.empty:
        empty_state(
            "Nothing changes yet",
            "No sample is relabelled or dropped. The cleaned data would equal the original.",
            "pages/review.py",
            "Review samples",
        )
        return
    st.dataframe(
        table.head(MOST_CHANGES),
        hide_index=True,
        height=min(40 + 35 * len(table), 355),
        alt="Samples that change: id, given label, verdict, new label",
    )
    if len(table) > MOST_CHANGES:
        st.caption(f"The first {MOST_CHANGES:,} of {len(table):,}; corrections.csv lists them all.")


def change_table(frame: pd.DataFrame, decisions: Mapping[str, Decision]) -> pd.DataFrame:
    """Return one row per sample that is dropped or gets another label, most suspicious first."""
    judged = frame[frame["id"].isin(list(decisions))]
    given = given_labels(judged)
    changing = [changes_data(decisions[name], label) for name, label in given.items()]
    found = judged[np.array(changing, dtype=bool)].sort_values("suspicion_rank", kind="stable")
    made = [decisions[str(name)] for name in found["id"]]
    return pd.DataFrame(
        {
            "Id": found["id"].astype(str),
            "Given label": [text_or_none(label) for label in found["given_label"]],
            "Change": [
                "dropped" if item.verdict is Verdict.DROP else "relabelled" for item in made
            ],
            "New label": [item.label or "" for item in made],
        }
    ).reset_index(drop=True)


def downloads(
    ws: Workspace, dataset: DatasetRecord, run: RunRecord, decisions: Mapping[str, Decision]
) -> None:
    """Draw one card per file: prepared on demand, and anew when what it holds has changed."""
    stamp = state_stamp(run.id, decisions, ws.cut_off(run.id))
    bare = dataset.task is Task.UNSUPERVISED
    products = [item for item in _PRODUCTS if not (bare and item[0] in _OF_LABELS)]
    for column, (product, title, icon, text) in zip(
        st.columns(len(products), gap="small"), products, strict=True
    ):
        with (
            column,
            st.container(border=True, height="stretch", vertical_alignment="distribute"),
        ):
            with st.container(gap="xsmall"):
                st.markdown(f"{icon} **{title}**")
                st.caption(text)
            name = title.removesuffix(".csv").lower()
            prepared_download(ws, dataset, run, product, stamp, what=name)
    if any(name == _PRUNING for pages in PAGES.values() for name, _, _ in pages):
        st.caption("A pruned subset is exported where its cut is chosen:")
        page_button(
            "Go to Pruning", f"pages/{_PRUNING}.py", key="to_pruning", icon=":material/content_cut:"
        )


def state_stamp(
    run_id: str, decisions: Mapping[str, Decision], cut: CutOff, more: object = None
) -> str:
    """Return a text that differs whenever an export would."""
    parts = sorted(f"{d.sample_id}\t{d.verdict}\t{d.label}" for d in decisions.values())
    return f"{run_id}/{hash((cut, more, *parts)):x}"


def prepared_download(
    ws: Workspace,
    dataset: DatasetRecord,
    run: RunRecord,
    product: str,
    stamp: str,
    *,
    choice: audits.Choice | None = None,
    what: str = "",
) -> None:
    """Draw the button that writes a file, and once it is written the one that downloads it.

    Args:
        stamp: differs whenever the file would; a file of another stamp is written anew.
        choice: what a report shows.
        what: which file the buttons are of.
    """
    unseen = with_suggestions()

    def write() -> Path:
        return audits.export(
            ws, dataset.id, run.id, product, with_suggestions=unseen, choice=choice
        )

    prepared: dict[str, tuple[str, str]] = st.session_state.setdefault(_PREPARED, {})
    made, name = prepared.get(product, ("", ""))
    place = st.empty()
    if (made != stamp or not Path(name).is_file()) and place.button(
        f"Prepare {what}".strip(),
        key=f"prepare_{product}",
        width="stretch",
        icon=":material/build:",
    ):
        with place, st.spinner("Writing"), refusals_shown():
            prepared[product] = made, name = stamp, str(write())
    path = Path(name)
    if made == stamp and path.is_file():
        place.download_button(
            f"Download {what} ({size_text(path.stat().st_size)})".replace("  ", " "),
            data=lambda: held_or_written(path, write),
            file_name=path.name,
            key=f"download_{product}",
            type="primary",
            icon=":material/download:",
            on_click="ignore",
            width="stretch",
            help=plain(path.name),
        )


def held_or_written(path: Path, write: Callable[[], Path]) -> bytes:
    """Return a prepared file, written anew where it is gone.

    Only the newest exports of a kind are kept: others may have prepared theirs since the button was
    drawn.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return write().read_bytes()
