"""What a cut does: the score it costs, who loses how much, the samples at its edge, the files."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dvaudit import audits
from dvaudit.core.dataset import Kind
from dvaudit.core.errors import some
from dvaudit.core.machine import size_text
from dvaudit.cuts import CutFile
from dvaudit.findings import flags
from dvaudit.findings.pruning import Series
from dvaudit.reports import write_csv
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import frames
from dvaudit.ui.components.gallery import gallery
from dvaudit.ui.export_view import held_or_written
from dvaudit.ui.pruning_maths import Loss, change_text, loss_at, part_table, score_text
from dvaudit.ui.sample_facts import given_label, number_text, short_label, verdict_text
from dvaudit.ui.sample_lists import beside_own_columns, sample_card
from dvaudit.ui.samples_view import SHOWN_FEATURES, open_sample, sample_table
from dvaudit.ui.session import refusals_shown
from dvaudit.ui.words import count, plain

EDGE, LISTED = 12, 8
MOST_PARTS = 200
_PREPARED = "prepared_cut"
_TABS = ["By class", "By contributor", "At the edge of the cut"]


@dataclass(frozen=True)
class Cut:
    """A place on the curve of a pruning."""

    run: RunRecord
    series: Series
    name: str
    index: int


def consequences(
    ws: Workspace,
    dataset: DatasetRecord,
    audit: RunRecord,
    cut: Cut,
    curves: pd.DataFrame,
    summary: dict[str, Any],
) -> None:
    """Show what the cut loses, and offer exactly that cut as files."""
    loss = loss_at(curves, cut.series, cut.index)
    classes = bool(dataset.class_names)
    held = audits.cut_file(ws, cut.run.id, cut.series, loss.removed, offset=loss.offset)
    _figures(loss, summary, held, classes=classes)
    _files(ws, dataset, audit, cut, loss, held)
    if classes:
        _gone_classes(frames.tables(ws, cut.run, "classes"), cut.series, loss)
    tabs = [
        name
        for name, shown in zip(_TABS, (classes, _has_parts(ws, cut.run), True), strict=True)
        if shown
    ]
    for name, place in zip(tabs, st.tabs(tabs), strict=True):
        with place:
            if name == _TABS[2]:
                _edge(ws, dataset, audit, cut, loss, int(summary["pruned"]))
            else:
                table = "classes" if name == _TABS[0] else "contributors"
                parts = part_table(frames.tables(ws, cut.run, table), curves, cut.series, loss)
                _parts(parts, "Class" if name == _TABS[0] else "Contributor", classes=classes)


def _has_parts(ws: Workspace, run: RunRecord) -> bool:
    return not frames.tables(ws, run, "contributors").empty


def _gone_classes(table: pd.DataFrame, series: Series, loss: Loss) -> None:
    """Say which classes the cut leaves no sample of."""
    at = (table["series"] == series.value) & (table["offset"] == loss.offset)
    lost = table[at & (table["removed"] == loss.removed)].groupby("name", sort=False)["lost"].min()
    gone = [plain(str(name)) for name in lost.index[lost.to_numpy() > 1 - 1e-12]]
    if gone:
        st.warning(
            f"This cut removes every sample of {count(len(gone), 'class', 'classes')}: "
            f"{some(gone, LISTED)}. A model trained on what is left never predicts "
            f"{'it' if len(gone) == 1 else 'them'}. Cut less, or prune with the same share of "
            "every class.",
            icon=":material/warning:",
        )


def file_words(held: CutFile) -> str:
    """Return what the file of a cut holds, and why the other samples are not in it."""
    parts = [f"{held.by_cut:,} left out by the cut"]
    if held.by_verdicts:
        more = held.by_verdicts - held.both
        parts.append(f"{more:,} more by verdicts" + (f" ({held.both:,} by both)" * bool(held.both)))
    said = f"{count(held.rows, 'sample')} of {held.samples:,}: {' and '.join(parts)}"
    return f"{said}; {held.relabelled:,} relabelled" if held.relabelled else said


def _figures(loss: Loss, summary: dict[str, Any], held: CutFile, *, classes: bool) -> None:
    what, total = "Accuracy" if classes else "R²", int(summary["pruned"])
    before = score_text(loss.full.mean, classes=classes)
    many = len(summary["seeds"])
    of = f"mean of {count(many, 'seed')}" + (", from the lowest to the highest" if many > 1 else "")
    with st.grid(4, gap="small"):
        _figure(
            "Removed",
            f"{loss.removed:,}",
            f"{loss.share:.1%} of {total:,}",
            "Samples with a label and a value, those marked as trusted apart.",
        )
        _figure(
            "In the file",
            f"{held.rows:,}",
            f"of {held.samples:,} samples",
            f"{file_words(held)}. Samples without a label or a value are not cut, and stay.",
        )
        _figure(
            f"{what} at the cut",
            score_text(loss.score.mean, classes=classes),
            f"{before} with all",
            f"Changes by {change_text(loss.change, classes=classes)}; {of}.",
        )
        lead = change_text(loss.lead, classes=classes)
        _figure(
            "Against random",
            lead.split(" (")[0],
            lead.partition(" (")[2].rstrip(")") or "as many removed",
            f"{what} less that after as many samples removed at random, each seed against its own "
            f"random order; {of}.",
        )


def _figure(label: str, value: str, note: str, help: str | None) -> None:
    st.metric(
        label,
        value,
        note,
        delta_color="off",
        delta_arrow="off",
        border=True,
        height="stretch",
        help=help,
    )


def _parts(table: pd.DataFrame, what: str, *, classes: bool) -> None:
    """List classes or contributors, those that lose most first."""
    ordered = table.sort_values(["lost", "name"], ascending=[False, True], kind="stable")
    score, columns = ("Accuracy" if classes else "R²"), ["full", "score", "change"]
    form = "%.1f%%" if classes else "%.3f"
    shown = ordered.head(MOST_PARTS).assign(lost=lambda rows: 100 * rows["lost"])
    if classes:
        shown[columns] = 100 * shown[columns]
    st.dataframe(
        shown,
        hide_index=True,
        height="content" if len(shown) <= 12 else 460,
        column_config={
            "name": st.column_config.TextColumn(what, pinned=True),
            "lost": st.column_config.ProgressColumn(
                "Share removed", format="%.1f%%", min_value=0, max_value=100
            ),
            "full": st.column_config.NumberColumn(f"{score}, all samples", format=form),
            "score": st.column_config.NumberColumn(f"{score} at the cut", format=form),
            "change": st.column_config.NumberColumn(
                "Change, points" if classes else "Change", format="%+.1f" if classes else "%+.3f"
            ),
            "held_out": st.column_config.NumberColumn("Scored on, samples", format="%.0f"),
        },
        alt=f"A row for each {what.lower()}: share removed, and its score before and after",
    )
    more = len(ordered) - MOST_PARTS
    st.caption(
        "Means over the seeds, on held-out samples of each"
        + (f"; {more:,} more are not shown." if more > 0 else ".")
        + " Few held-out samples tell little."
    )


# The samples at the edge


def _edge(
    ws: Workspace, dataset: DatasetRecord, audit: RunRecord, cut: Cut, loss: Loss, total: int
) -> None:
    """Show the last samples that the cut removes, and the first that it keeps."""
    end = loss.offset + loss.removed
    first = max(loss.offset, end - EDGE)
    for title, start, stop, empty in (
        ("Last removed", first, end, "The cut removes nothing."),
        ("First kept", end, min(end + EDGE, total), "Nothing comes after the cut."),
    ):
        st.subheader(title)
        if stop <= start:
            st.caption(empty)
            continue
        rows = audits.pruned_positions(ws, cut.run.id, cut.series, stop - start, offset=start)
        _samples(ws, dataset, audit, rows, start, cut, title)


def _samples(
    ws: Workspace,
    dataset: DatasetRecord,
    audit: RunRecord,
    rows: NDArray[np.int64],
    start: int,
    cut: Cut,
    title: str,
) -> None:
    key = title.split()[0].lower()
    frame, decisions = frames.findings(ws, audit), audits.decisions(ws, dataset.id)
    values = frames.findings(ws, cut.run)["value"]
    if dataset.kind is Kind.IMAGE:
        flagged = flags(frame, ws.cut_off(audit.id))
        cards = [
            sample_card(
                frame,
                int(at),
                task=dataset.task,
                value=number_text(values.iat[at]),
                flagged=bool(flagged[at]),
                decisions=decisions,
            )
            for at in rows
        ]
        opened = gallery(dataset.id, cards, key=f"pruning_{key}")
        if opened is not None:
            open_sample(opened)
        return
    found = frame.iloc[rows]
    facts = pd.DataFrame(
        {
            "Place": np.arange(start + 1, start + 1 + len(rows)),
            "Id": found["id"].astype(str),
            "Value": values.iloc[rows],
            "Given": [short_label(given_label(frame, int(at)), dataset.task) for at in rows],
            "Verdict": [verdict_text(decisions.get(str(name))) for name in found["id"]],
        }
    )
    table = beside_own_columns(facts, frames.features(ws, dataset), rows, SHOWN_FEATURES)
    sample_table(table, rows, key=f"pruning_{key}_{cut.index}", name=title)


# Files


def _files(
    ws: Workspace,
    dataset: DatasetRecord,
    audit: RunRecord,
    cut: Cut,
    loss: Loss,
    held: CutFile,
) -> None:
    """Offer the data without the removed samples, and the list of them."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _download(ws, dataset, cut, loss)
        st.download_button(
            "Removed samples, CSV",
            data=lambda: dropped_csv(ws, audit, cut, loss),
            file_name=f"removed-{cut.series.slug}-{loss.removed}.csv",
            mime="text/csv",
            key="download_removed",
            icon=":material/download:",
            on_click="ignore",
            disabled=not loss.removed,
            help="Place in the order of removal, id, given label and value.",
        )
    st.caption(
        f"The file is {plain(dataset.name)} in its original format with {file_words(held)}. "
        "The original and your verdicts stay as they are."
    )


def _stamp(ws: Workspace, dataset: DatasetRecord, cut: Cut, loss: Loss) -> str:
    """Return a text that differs whenever the exported cut would."""
    made = sorted(f"{d.sample_id}\t{d.verdict}\t{d.label}"
                  for d in audits.decisions(ws, dataset.id).values())  # fmt: skip
    return f"{cut.run.id}/{cut.series}/{loss.offset}/{loss.removed}/{hash(tuple(made)):x}"


def _download(ws: Workspace, dataset: DatasetRecord, cut: Cut, loss: Loss) -> None:
    def write() -> Path:
        return audits.export_cut(ws, cut.run.id, cut.series, loss.removed, offset=loss.offset)

    stamp = _stamp(ws, dataset, cut, loss)
    made, name = st.session_state.get(_PREPARED, ("", ""))
    place = st.empty()
    if (made != stamp or not Path(name).is_file()) and place.button(
        "Export exactly this cut",
        key="prepare_cut",
        type="primary",
        icon=":material/content_cut:",
    ):
        with place, st.spinner("Writing"), refusals_shown():
            st.session_state[_PREPARED] = made, name = stamp, str(write())
    path = Path(name)
    if made == stamp and path.is_file():
        place.download_button(
            f"Download this cut ({size_text(path.stat().st_size)})",
            data=lambda: held_or_written(path, write),
            file_name=path.name,
            key="download_cut",
            type="primary",
            icon=":material/download:",
            on_click="ignore",
            help=plain(path.name),
        )


def dropped_csv(ws: Workspace, audit: RunRecord, cut: Cut, loss: Loss) -> bytes:
    """Return the samples that a cut removes as a CSV, in the order of their removal."""
    rows = audits.pruned_positions(ws, cut.run.id, cut.series, loss.removed, offset=loss.offset)
    frame = frames.findings(ws, audit)
    table = pd.DataFrame(
        {
            "place": np.arange(loss.offset + 1, loss.offset + 1 + len(rows)),
            "id": frame["id"].to_numpy()[rows],
            "given_label": frame["given_label"].to_numpy()[rows],
            "value": frames.findings(ws, cut.run)["value"].to_numpy()[rows],
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        return write_csv(table, Path(folder) / "removed.csv").read_bytes()
