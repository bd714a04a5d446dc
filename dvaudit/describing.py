"""What describes samples as an audit did: kept since then, or learned again from all its data.

What is kept does not need the data: neither its file nor a trusted set that was deleted. Where it
is missing, as for audits of an earlier dvaudit and after the cache was emptied, it is learned
again and kept, so that the next question finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit import features, valuators
from dvaudit.asked import Form
from dvaudit.core.dataset import Dataset
from dvaudit.core.errors import NotFoundError, UnsuitableDataError
from dvaudit.core.joining import joined, take
from dvaudit.core.progress import Progress, part
from dvaudit.features.base import check_finite
from dvaudit.features.cache import FeatureCache
from dvaudit.features.extraction import learned_kinds
from dvaudit.features.fitted import Fitted, Kept
from dvaudit.store import RunKind, RunRecord, RunStatus, Workspace
from dvaudit.stored import load_stored, load_trusted
from dvaudit.valuators.magnitudes import single
from dvaudit.valuators.trained import TOKEN_NETS, wants_pictures

KEY = "inputs_key"  # of a method's record and of a question's summary


@dataclass(frozen=True, eq=False)
class Terms:
    """What describes samples as an audit did.

    Attributes:
        key: under which it is kept; "" where there is nothing to keep.
        known: (c, ...) net inputs of some samples that the audit knew, and `labels` their labels
            as text; of none where they cannot be had without reading all.
        unchecked: why there are none.
    """

    learned: Fitted
    key: str
    known: NDArray[Any]
    labels: NDArray[np.object_]
    unchecked: str = ""

    def describe(
        self, data: Dataset, device: str, progress: Progress
    ) -> tuple[NDArray[Any], list[str]]:
        """Return the net inputs of samples, and notes on them."""
        found, notes = self.learned.describe(data, device=device, progress=progress)
        if found.ndim != 2 or found.dtype.kind != "f":  # pictures or tokens
            return found, notes
        check_finite(found, data)
        return single(found, data.ids), notes


def key_of(ws: Workspace, audit: RunRecord, record: Mapping[str, Any]) -> str:
    """Return the key that an audit, or the newest question to it, recorded; "" for none."""
    if record.get(KEY):
        return str(record[KEY])
    for run in ws.runs(audit.dataset_id, RunKind.QUERY):
        if run.params["audit"] == audit.id and run.status is RunStatus.DONE:
            return str(ws.run_summary(run.id).get(KEY, ""))
    return ""


def keeps_terms(ws: Workspace, audit: RunRecord, record: Mapping[str, Any]) -> bool:
    """Whether what describes samples as an audit did is there without its data."""
    key = key_of(ws, audit, record)
    return bool(key) and FeatureCache(ws.feature_cache).has_fitted(key)


def kept_terms(
    ws: Workspace,
    audit: RunRecord,
    key: str,
    net: str,
    form: Form,
    rows: NDArray[np.int64],
) -> tuple[Terms | None, str]:
    """Return what is kept of how an audit described samples and "", or None and the reason.

    Args:
        key: see `key_of`.
        net: of the audit's run.
        rows: of the samples to be known, a trusted set counted on from the data.
    """
    chosen = features.get(audit.params["extractor"] or features.automatic_for(form.kind))
    vectors = not wants_pictures(net) and net not in TOKEN_NETS
    none = np.zeros(0, dtype=object)
    if vectors and not chosen.cached:
        reason = f"{chosen.name} are not kept, so no sample that the audit knew is asked again"
        return Terms(chosen.Learns.restored(Kept({})), "", none, none, reason), ""
    if not key:
        return None, "the audit did not keep what was learned from its samples"
    cache = FeatureCache(ws.feature_cache)
    learned, problem = cache.fitted(key, learned_kinds())
    if learned is None:
        return None, problem
    if not vectors:
        reason = f"inputs of {net} are not kept, so no sample that the audit knew is asked again"
        return Terms(learned, key, none, none, reason), ""
    known = cache.rows(key, rows)
    if known is None:
        return None, "the features of the audit are not in the cache"
    labels, reason = _labels(ws, audit, form, rows)
    return Terms(learned, key, known[: len(labels)], labels, reason), ""


def made_terms(
    ws: Workspace,
    audit: RunRecord,
    net: str,
    rows: NDArray[np.int64],
    device: str,
    progress: Progress,
) -> Terms:
    """Learn again from the data of an audit what describes samples, and keep it.

    Raises:
        UnsuitableDataError: the data or the trusted set has changed, or is not there any more.
    """
    data = load_stored(ws, audit.dataset_id, part(progress, 0.0, 0.2))
    trusted = load_trusted(ws, audit.params.get("trusted"), data, part(progress, 0.2, 0.3))
    base = data if trusted is None else joined(data, trusted)
    shared = valuators.Shared(
        audit.params["extractor"], audit.params["extractor_settings"], ws.feature_cache
    )
    learned: Fitted
    if wants_pictures(net):
        learned = shared.fitted_pictures(base)
    elif net in TOKEN_NETS:
        learned = shared.fitted_tokens(base)
    else:
        learned = shared.fitted_features(
            base,
            seed=int(audit.params["seed"]),
            device=device,
            progress=part(progress, 0.3, 1.0),
        )
    asked_again = take(base, rows)
    terms = Terms(learned, shared.kept_as(base), np.zeros(0), asked_again.label_text())
    known, _ = terms.describe(asked_again, device, lambda fraction, stage: None)
    return Terms(learned, terms.key, known, terms.labels)


def _labels(
    ws: Workspace, audit: RunRecord, form: Form, rows: NDArray[np.int64]
) -> tuple[NDArray[np.object_], str]:
    """Return the labels of samples of an audit as text, or none and why."""
    first, trusted = ws.dataset(audit.dataset_id).samples or 0, audit.params.get("trusted")
    labels = np.full(len(rows), None, dtype=object)
    inside = rows < first
    try:
        labels[inside] = ws.sample_rows(audit.dataset_id, rows[inside])["label"].to_numpy()
        if not inside.all():
            others = ws.sample_rows(str(trusted), rows[~inside] - first)
            labels[~inside] = others["label"].to_numpy()
    except NotFoundError:
        return labels[:0], "the trusted set, whose samples were asked about, was deleted"
    if pd.isna(labels).any() or (form.classes and not set(labels) <= set(form.classes)):
        return labels[:0], "the trusted set was imported with other labels"
    return labels, ""


def targets_of(labels: NDArray[np.object_], facts: Mapping[str, Any]) -> NDArray[Any]:
    """Return (c,) int64 codes of the classes of a run, or float64 numbers for regression.

    Raises:
        UnsuitableDataError: a label that is missing or none of the classes.
    """
    codes = {name: code for code, name in enumerate(facts["classes"])}
    try:
        if not codes:
            return np.array([float(label) for label in labels], dtype=np.float64)
        return np.array([codes[label] for label in labels], dtype=np.int64)
    except (KeyError, TypeError, ValueError) as error:
        raise UnsuitableDataError(
            f"The audit was trained with other labels than its data has: {error}. Run it again."
        ) from error
