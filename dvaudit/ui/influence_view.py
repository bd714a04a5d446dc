"""What influence is, how far to trust it here, and what to do where there is none."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import frames
from dvaudit.ui import influence_data as data
from dvaudit.ui.addressed import in_address, not_followed
from dvaudit.ui.filters import SAMPLE
from dvaudit.ui.history import number, plain_parts
from dvaudit.ui.method_words import failures_of, title_of, warnings_shown
from dvaudit.ui.samples_view import whole_number
from dvaudit.ui.session import empty_state, select
from dvaudit.ui.words import count, plain
from dvaudit.valuators.dvemb import COARSE

NEEDS = (
    "Influence is read from the embeddings of **Data Value Embedding** (dvemb). Audit the data "
    "with it; with a trusted set you can ask about each of its samples."
)
_MEANING = (
    "**Influence** is how much the loss of the sample you ask about would rise, to first order, "
    "had a training sample been left out of every step of this run. **Above zero it helped, below "
    "zero it hurt.** It speaks of one training run and this loss; it does not say that a label is "
    "wrong."
)


def nothing_to_ask(ws: Workspace, run: RunRecord) -> None:
    """Say why this audit has no known samples to ask about, and what would."""
    if not data.was_run(run):
        empty_state(
            "This audit has no influence",
            NEEDS,
            "pages/audit.py",
            "Go to Audit",
        )
    elif title_of(data.METHOD) in dict(failures_of(ws, run)):
        empty_state(
            f"{title_of(data.METHOD)} failed in this audit",
            plain(dict(failures_of(ws, run))[title_of(data.METHOD)]),
            "pages/audit.py",
            "Go to Audit",
        )
    elif data.record_of(ws, run).get("embeddings") is None:
        empty_state(
            "This audit kept no embeddings",
            f"{plain(str(data.record_of(ws, run).get('status', '')))} Run dvemb again with its "
            "setting *embeddings* on and a smaller *projection*.",
            "pages/audit.py",
            "Go to Audit",
        )
    else:
        empty_state(
            "The samples asked about are gone",
            "The trusted set of this audit is not in the workspace any more. Run the audit again "
            "with another one. Questions about your own samples that were answered before are at "
            "**Your own**.",
            "pages/audit.py",
            "Go to Audit",
        )
    other = data.other_audit(ws, run)
    if other is not None:
        st.button(
            f"Audit {number(other)} of this data has it: show that one",
            icon=":material/history:",
            on_click=select,
            args=(run.dataset_id, other.id),
        )


def sample_followed(ws: Workspace, run: RunRecord) -> None:
    """Say where the address asks to open a sample that there is none of."""
    named, samples = st.query_params.get_all(SAMPLE), len(frames.findings(ws, run))
    if named and not 0 <= whole_number(named[-1]) < samples:
        in_address({SAMPLE: []})
        not_followed([f"sample {named[-1][:20]!r} to open, of {samples:,}"])


def introduce(
    ws: Workspace, run: RunRecord, owner: DatasetRecord | None, table: pd.DataFrame
) -> None:
    """Say what influence is, what can be asked here, and how far to trust the answer.

    `owner` is the dataset of the known samples in `table`; None where it is gone.
    """
    st.markdown(_MEANING)
    record, agreement = data.record_of(ws, run), data.agreement_of(ws, run)
    facts = [f"Audit {number(run)}", f"{count(len(table), 'sample')} to ask about"]
    if owner is None:
        facts[1] = "its trusted set is gone"
    elif owner.id != run.dataset_id:
        part = f" (of {owner.samples:,})" if owner.samples and owner.samples > len(table) else ""
        facts[1] = f"{count(len(table), 'sample')}{part} of the trusted set {owner.name}"
    if agreement is not None:
        facts.append(f"agreement with the exact values {agreement:.2f} (rank correlation)")
    runs = int(record.get("settings", {}).get("runs", 1))
    if runs > 1:
        facts.append(f"the first of its {runs:,} runs")
    st.caption(plain_parts(facts))
    if data.in_halves(ws, run):
        st.caption(
            "No trusted set was given, so the data was trained on in two halves: each sample is "
            "asked of the run on the half it is not in, and its label may be wrong like any other."
        )
    warnings_shown(ws, run, data.METHOD, said=COARSE)  # it is said below, and of what it is read
    if agreement is not None and agreement < data.COARSE:
        st.warning(
            f"**Read these numbers as coarse.** The embeddings are projections: on the mean loss "
            f"of all samples asked about, their rank correlation with the exact values is "
            f"{agreement:.2f}, below {data.COARSE:.2f}. The order of samples close "
            "to each other says little. A larger *projection* or a lower *rate* of dvemb "
            "makes it finer.",
            icon=":material/blur_on:",
        )


def many_own() -> None:
    """Say how to ask about more samples than a question takes, or where none can be answered."""
    with st.expander("Ask about many samples", icon=":material/library_add:"):
        st.markdown(
            "1. Import the samples you want to ask about as a dataset in **Data**, with their "
            "labels.\n"
            "2. In **Audit**, choose that dataset as the trusted set and run **dvemb**.\n"
            "3. Come back: each of them can be asked about here, and so can a few samples of your "
            "own at any time."
        )
        with st.container(horizontal=True):
            st.page_link("pages/data.py", label="Go to Data", icon=":material/database:")
            st.page_link("pages/audit.py", label="Go to Audit", icon=":material/troubleshoot:")
