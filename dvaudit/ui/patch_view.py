"""A patch on the Export page: see what fits the chosen dataset, then write it into the log."""

from __future__ import annotations

import hashlib
import uuid

import pandas as pd
import streamlit as st

from dvaudit import audits
from dvaudit.core.errors import DvauditError
from dvaudit.patches import OUTCOME_WORDS
from dvaudit.reports.patch import Patch
from dvaudit.reports.patch_fit import Fit, Outcome
from dvaudit.store import DatasetRecord, Workspace
from dvaudit.ui.reviewer import choose_reviewer, is_known, reviewer
from dvaudit.ui.words import count, plain

MOST_ROWS = 1000
LARGEST_MEGABYTES = 50
_FILE, _EVENT, _DONE, _REFUSED = "patch_file", "patch_event", "patch_done", "patch_refused"
_ORDER = (
    *(Outcome.CONFLICT, Outcome.CHANGED, Outcome.MISSING),
    *(Outcome.MOVED, Outcome.APPLIED, Outcome.ALREADY),
)

_SHORT = {
    Outcome.APPLIED: "fits",
    Outcome.MOVED: "fits, other id",
    Outcome.ALREADY: "holds already",
    Outcome.CONFLICT: "conflict",
    Outcome.CHANGED: "content changed",
    Outcome.MISSING: "missing",
}


def patch_panel(ws: Workspace, dataset: DatasetRecord, *, audited: bool = True) -> None:
    """Draw the upload of a patch, what of it fits the dataset, and the button that applies it.

    Args:
        audited: the dataset has a finished audit, without which the Review page shows nothing.
    """
    st.header("Apply a patch")
    st.caption(
        f"Verdicts given on another copy of {plain(dataset.name)} are found here by id and "
        "content. Nothing is stored before you apply them."
    )
    given = st.file_uploader(
        "Patch (JSON)", type="json", key=_FILE, max_upload_size=LARGEST_MEGABYTES
    )
    if given is None:
        st.session_state.pop(_DONE, None)
        return
    content = given.getvalue()
    try:
        patch = audits.read_patch(content, given.name)
    except DvauditError as refusal:
        st.error(plain(str(refusal)), icon=":material/error:")
        return
    digest = hashlib.sha256(content).hexdigest()
    fit, notes = _fit(
        *(ws, patch, str(ws.root), digest, dataset.id, dataset.fingerprint or ""),
        sum(ws.versions(dataset.id).values()),
    )
    _origin(patch, dataset)
    for note in notes:
        st.warning(plain(note), icon=":material/warning:")
    _outcomes(fit)
    _apply_button(ws, dataset, patch, len(fit.decisions), audited)
    _rows(fit)


@st.cache_data(max_entries=4, show_spinner="Looking for the samples of the patch")
def _fit(
    _ws: Workspace, _patch: Patch, root: str, digest: str, dataset: str, content: str, log: int
) -> tuple[Fit, tuple[str, ...]]:
    return audits.fit_stored(_ws, dataset, _patch)


def _origin(patch: Patch, dataset: DatasetRecord) -> None:
    same = patch.fingerprint == dataset.fingerprint
    whose = "of this very data" if same else f"of {plain(patch.name)}, another state of the data"
    people = sorted({row.reviewer or "not named" for row in patch.rows if row.reviewer is not None})
    unseen = sum(row.reviewer is None for row in patch.rows)
    parts = [f"{count(len(patch.rows), 'verdict')} {whose}"]
    if people:
        parts.append(f"reviewed by {plain(', '.join(people[:5]))}")
        if len(people) > 5:
            parts.append(f"and {len(people) - 5:,} more")
    if unseen:
        parts.append(f"{count(unseen, 'suggestion')} that nobody judged")
    st.markdown(", ".join(parts) + ".")


def _outcomes(fit: Fit) -> None:
    lines = [
        f"- **{number:,}** {OUTCOME_WORDS[outcome]}"
        for outcome, number in fit.counts().items()
        if number
    ]
    st.markdown("\n".join(lines) or "The patch has no verdicts.")


def _apply_button(
    ws: Workspace, dataset: DatasetRecord, patch: Patch, fitting: int, audited: bool
) -> None:
    if told := st.session_state.get(_REFUSED):
        st.error(plain(told), icon=":material/error:")
    if done := st.session_state.get(_DONE):
        undo = "Undo on the Review page takes them back together"
        st.success(
            f"{count(done, 'verdict')} stored. {undo}{'' if audited else ', after an audit'}.",
            icon=":material/check:",
        )
    if not fitting:
        st.caption("There is nothing in it to apply.")
        return
    choose_reviewer(ask=True)
    # Named when it is drawn: a click that arrives twice is stored once.
    event = st.session_state.setdefault(_EVENT, uuid.uuid4().hex)
    st.button(
        f"Apply {count(fitting, 'verdict')}",
        key="apply_patch",
        type="primary",
        icon=":material/playlist_add_check:",
        disabled=not is_known(),
        on_click=_apply,
        args=(ws, dataset.id, patch, event),
    )


def _apply(ws: Workspace, dataset_id: str, patch: Patch, event: str) -> None:
    st.session_state.pop(_REFUSED, None)
    try:
        stored = audits.apply_stored(ws, dataset_id, patch, reviewer=reviewer(), event=event)
    except DvauditError as refusal:
        st.session_state[_REFUSED] = str(refusal)
        return
    st.session_state[_DONE] = stored
    st.session_state.pop(_EVENT, None)


def _rows(fit: Fit) -> None:
    frame = fit.to_frame()
    if frame.empty:
        return
    place = {outcome.value: at for at, outcome in enumerate(_ORDER)}
    ranked = frame.sort_values("outcome", key=lambda column: column.map(place), kind="stable")
    shown = ranked.head(MOST_ROWS)
    table = pd.DataFrame(
        {
            "Outcome": [_SHORT[Outcome(name)] for name in shown["outcome"]],
            "Id in the patch": shown["id"],
            "Id here": shown["sample_id"].fillna(""),
            "Verdict": shown["verdict"],
            "Label the patch saw": shown["old_label"].fillna(""),
            "New label": shown["new_label"].fillna(""),
            "Label here": shown["given_label"].fillna(""),
            "Detail": shown["detail"],
        }
    )
    st.dataframe(
        table,
        hide_index=True,
        height=min(40 + 35 * len(table), 355),
        alt="Verdicts of the patch and what becomes of each; those that do not fit come first",
    )
    if len(frame) > MOST_ROWS:
        st.caption(f"The first {MOST_ROWS:,} of {len(frame):,}, those that do not fit first.")
