"""What the Influence page shows, computed once per audit and question and shared by all tabs.

As in `frames`, results are cached under strings that change when their content does, and callers
do not change what comes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dvaudit import audits, describing
from dvaudit.store import RunKind, RunRecord, RunStatus, Workspace
from dvaudit.ui import frames
from dvaudit.ui.ranking import SUSPICION, numbers

METHOD = "dvemb"
COARSE = 0.8  # rank correlation with the exact sweep below which a person is warned
SEED = 0  # of the random order, so that a link shows the same one


class Scope(StrEnum):
    """Whose loss is asked about."""

    SAMPLE = "sample"
    CLASS = "class"
    ALL = "all"


class Order(StrEnum):
    """In which order queries are offered."""

    SUSPICIOUS = "suspicious"
    LEAST_HELPED = "least-helped"
    RANDOM = "random"
    INPUT = "input"


@dataclass(frozen=True)
class QueryFilter:
    """Which queries are offered; no classes means all, `find` is part of an id in any case."""

    order: Order
    classes: tuple[str, ...] = ()
    find: str = ""


def was_run(run: RunRecord) -> bool:
    """True where the audit has run the method that gives influence."""
    return METHOD in run.params.get("valuators", ())


def other_audit(ws: Workspace, run: RunRecord) -> RunRecord | None:
    """Return the newest other finished audit of the same data that has embeddings."""
    for other in ws.runs(run.dataset_id, RunKind.AUDIT):
        finished = other.id != run.id and other.status is RunStatus.DONE
        if finished and was_run(other) and agreement_of(ws, other) is not None:
            return other
    return None


def has_embeddings(ws: Workspace, run: RunRecord) -> bool:
    """True where the audit keeps what answers are read from."""
    return was_run(run) and record_of(ws, run).get("embeddings") is not None


def record_of(ws: Workspace, run: RunRecord) -> dict[str, Any]:
    """Return what the method recorded of its run."""
    found: dict[str, Any] = frames.summary(ws, run)["record"].get("valuators", {}).get(METHOD, {})
    return found


def agreement_of(ws: Workspace, run: RunRecord) -> float | None:
    """Return Spearman's correlation of the embeddings with the exact sweep, of the worst part."""
    record = record_of(ws, run)
    parts = [record, *record.get("parts", ())]
    known = [part.get("embeddings_agreement") for part in parts]
    return min((float(value) for value in known if value is not None), default=None)


def queries(ws: Workspace, run: RunRecord) -> pd.DataFrame:
    """Return the samples that can be asked about, see audits.queries_of.

    Raises:
        NotFoundError: the audit has no embeddings, or its trusted set is not there any more.
    """
    return _queries(ws, str(ws.root), run.id, _stamp(run))


def influence(
    ws: Workspace, run: RunRecord, scope: Scope, query: int, label: str | None
) -> NDArray[np.float32]:
    """Return (n,) the influence of each sample on a query, on its class, or on all queries."""
    of = {Scope.SAMPLE: str(query), Scope.CLASS: label or ""}.get(scope, "")
    return _influence(ws, str(ws.root), run.id, _stamp(run), scope.value, of, run)


def cannot_ask(ws: Workspace, run: RunRecord) -> str:
    """Return why an audit cannot be asked about samples that it did not know; "" where it can."""
    gone = audits.questions.trusted_is_gone(ws, run.id)
    return _cannot_ask(ws, str(ws.root), run.id, f"{_stamp(run)}/{gone}")


def classes(ws: Workspace, run: RunRecord) -> tuple[str, ...]:
    """Return the classes that a sample of one's own may be of; none for regression."""
    return _classes(ws, str(ws.root), run.id, _stamp(run))


def keeps_terms(ws: Workspace, run: RunRecord) -> bool:
    """True where what describes new samples as the audit described its own is still there."""
    return describing.keeps_terms(ws, run, record_of(ws, run))


def own_samples(ws: Workspace, question: RunRecord) -> pd.DataFrame:
    """Return id and label of the samples of a finished question."""
    return _own_samples(ws, str(ws.root), question.id, _stamp(question))


def own_columns(ws: Workspace, question: RunRecord) -> pd.DataFrame:
    """Return the columns of the samples of a finished question; none where it is no table."""
    return _own_columns(ws, str(ws.root), question.id, _stamp(question))


def own_influence(
    ws: Workspace, question: RunRecord, rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return (n,) the mean influence of each sample of the data on rows of a question."""
    listed = ",".join(map(str, rows.tolist()))
    return _own_influence(ws, str(ws.root), question.id, _stamp(question), listed)


def members(table: pd.DataFrame, scope: Scope, query: int) -> NDArray[np.int64]:
    """Return the rows of `queries` whose mean loss is asked about."""
    if scope is Scope.SAMPLE:
        return np.array([query])
    if scope is Scope.ALL:
        return np.arange(len(table))
    return np.flatnonzero(table["label"] == table["label"].iat[query])


def asks_own(run: RunRecord, table: pd.DataFrame) -> bool:
    """True where the samples asked about are the data's own, not those of another dataset."""
    return bool((table["dataset_id"] == run.dataset_id).all())


def in_halves(ws: Workspace, run: RunRecord) -> bool:
    """True where no sample was known to be right: each half was asked of a run on the other."""
    return "parts" in record_of(ws, run)


def orders(run: RunRecord, table: pd.DataFrame) -> tuple[Order, ...]:
    """Return the orders to offer, the first by default.

    A trusted set of its own has no suspicion: the audit judged the data's labels only.
    """
    first = (Order.SUSPICIOUS,) if asks_own(run, table) else ()
    return (*first, Order.LEAST_HELPED, Order.RANDOM, Order.INPUT)


def offered(
    ws: Workspace, run: RunRecord, table: pd.DataFrame, wanted: QueryFilter
) -> NDArray[np.int64]:
    """Return the rows of `queries` that fit, in order; ties keep input order."""
    keep = np.ones(len(table), dtype=bool)
    if wanted.classes:
        keep &= table["label"].isin(wanted.classes).to_numpy(dtype=bool)
    if wanted.find:
        text = table["id"].str
        keep &= text.contains(wanted.find, case=False, regex=False).to_numpy(dtype=bool)
    rows = np.flatnonzero(keep)
    return rows[np.argsort(_keys(ws, run, table, wanted.order)[rows], kind="stable")]


def _keys(ws: Workspace, run: RunRecord, table: pd.DataFrame, order: Order) -> NDArray[np.float64]:
    if order is Order.LEAST_HELPED:
        return _net_influence(ws, str(ws.root), run.id, _stamp(run))
    if order is Order.RANDOM:
        return np.random.default_rng(SEED).permutation(len(table)).astype(np.float64)
    if order is Order.SUSPICIOUS:
        ranks = numbers(frames.findings(ws, run), SUSPICION)
        return np.asarray(ranks[table["position"].to_numpy()])
    return numbers(table, "position")


def _stamp(run: RunRecord) -> str:
    """A resumed run keeps its identifier; the time it finished tells its results apart."""
    return f"{run.attempt}/{run.finished}"


@st.cache_resource(max_entries=4, show_spinner=False)
def _queries(_ws: Workspace, root: str, run_id: str, stamp: str) -> pd.DataFrame:
    return audits.queries_of(_ws, run_id)


@st.cache_resource(max_entries=64, show_spinner=False)
def _influence(
    _ws: Workspace, root: str, run_id: str, stamp: str, scope: str, of: str, _run: RunRecord
) -> NDArray[np.float32]:
    if scope == Scope.SAMPLE:
        return audits.influence_on(_ws, run_id, int(of))
    table = queries(_ws, _run)
    wanted = np.arange(len(table)) if scope == Scope.ALL else np.flatnonzero(table["label"] == of)
    return audits.mean_influence(_ws, run_id, wanted)


@st.cache_resource(max_entries=4, show_spinner="Adding up influences")
def _net_influence(_ws: Workspace, root: str, run_id: str, stamp: str) -> NDArray[np.float64]:
    return audits.net_influence(_ws, run_id)


@st.cache_resource(max_entries=16, show_spinner=False)
def _cannot_ask(_ws: Workspace, root: str, run_id: str, stamp: str) -> str:
    return audits.questions.cannot_ask(_ws, run_id)


@st.cache_resource(max_entries=16, show_spinner=False)
def _classes(_ws: Workspace, root: str, run_id: str, stamp: str) -> tuple[str, ...]:
    return audits.questions.classes_of(_ws, run_id)


@st.cache_resource(max_entries=16, show_spinner=False)
def _own_samples(_ws: Workspace, root: str, question: str, stamp: str) -> pd.DataFrame:
    return audits.questions.samples_of_question(_ws, question)


@st.cache_resource(max_entries=16, show_spinner=False)
def _own_columns(_ws: Workspace, root: str, question: str, stamp: str) -> pd.DataFrame:
    return audits.questions.rows_of_question(_ws, question)


@st.cache_resource(max_entries=64, show_spinner=False)
def _own_influence(
    _ws: Workspace, root: str, question: str, stamp: str, rows: str
) -> NDArray[np.float32]:
    asked = [int(row) for row in rows.split(",")]
    return audits.questions.influence_of_question(_ws, question, asked)
