"""What verdicts say of a stored audit, and the random audit sample they need.

Exports, reports and pages ask for the estimated share of wrong labels here: `error_rate`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Final

import numpy as np
import pandas as pd

from dvaudit.core.decisions import Verdict
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.places import Places, places_of
from dvaudit.findings import ErrorRate, flags
from dvaudit.findings.audit_sample import AUDIT_SIZE, audit_sample
from dvaudit.findings.earned import ReviewOrder, earned, review_order
from dvaudit.findings.earned_types import Earned, Estimate
from dvaudit.store import AuditSample, RunRecord, Workspace

ENOUGH_VERDICTS: Final = 30  # before, the verdicts' estimate never replaces the methods'
STRATA: Final = 10
_HELD: Final = 4


def draw_audit_sample(
    ws: Workspace,
    run_id: str,
    size: int = AUDIT_SIZE,
    seed: int = 0,
    *,
    frame: pd.DataFrame | None = None,
) -> AuditSample:
    """Draw samples of an audit at random, and note which; return them in the order to judge.

    Every ranked sample is drawn with the same chance, in proportion from each tenth of the
    suspicion ranks. A larger size adds to what the same seed drew before; another seed takes its
    place: what was judged of the earlier draw then counts as a person's choice.

    Args:
        frame: the audit's samples, where the caller has them; else they are read.

    Raises:
        UnsuitableDataError: the audit ranks no sample.
        SettingsError: a size below 1.
    """
    ranks = _ranks(ws.run_samples(run_id) if frame is None else frame)
    ranked = np.flatnonzero(np.isfinite(ranks))
    if not len(ranked):
        raise UnsuitableDataError(
            f"{run_id} ranks no sample, so there is no label to judge; give the data labels."
        )
    by_rank = np.empty(len(ranked), dtype=np.int64)
    by_rank[np.argsort(ranks[ranked], kind="stable")] = np.arange(len(ranked))
    strata = by_rank * STRATA // len(ranked)
    earlier = ws.audit_sample(run_id)
    if earlier is not None and earlier.seed == seed:
        size = max(size, len(earlier.positions))
    drawn = ranked[audit_sample(len(ranked), size, seed, strata)]
    sample = AuditSample(run_id, seed, tuple(drawn.tolist()), len(ranked), datetime.now(UTC))
    ws.keep_audit_sample(sample)
    return sample


def earned_so_far(
    ws: Workspace,
    run: RunRecord,
    *,
    frame: pd.DataFrame | None = None,
    summary: Mapping[str, Any] | None = None,
    separately: bool = False,
) -> tuple[Earned, ErrorRate]:
    """Return what the verdicts in force say of an audit, and its share of wrong labels.

    The share is that of `error_rate`.

    Args:
        frame: the audit's samples, where the caller has them; else they are read.
        summary: the audit's summary, likewise.
        separately: with the estimate from the first samples alone also where an audit sample tells
            more; it doubles the time.
    """
    basis = _basis(ws, run, frame)
    summary = ws.run_summary(run.id) if summary is None else summary
    made = ws.decisions(run.dataset_id)
    positions = basis.ids.find(list(made))
    known = positions >= 0  # a verdict may be on a sample of an earlier content
    verdicts = [item.verdict for item in made.values()]
    doubtful = np.array([verdict is Verdict.UNSURE for verdict in verdicts], dtype=bool)
    wrong = np.array([verdict is Verdict.RELABEL for verdict in verdicts], dtype=bool)
    dropped = np.array([verdict is Verdict.DROP for verdict in verdicts], dtype=bool)
    drawn = ws.audit_sample(run.id)
    found = earned(
        basis.order,
        positions[known & ~doubtful].astype(np.int64),
        wrong[known & ~doubtful],
        positions[known & doubtful].astype(np.int64),
        np.asarray(drawn.positions if drawn else (), dtype=np.int64),
        dropped=dropped[known & ~doubtful],
        rate=summary["error_rate"]["rate"],
        separately=separately,
    )
    return found, rate_to_go_by(found, ErrorRate(**summary["error_rate"]))


def error_rate(
    ws: Workspace,
    run: RunRecord,
    *,
    frame: pd.DataFrame | None = None,
    summary: Mapping[str, Any] | None = None,
) -> ErrorRate:
    """Return the estimated share of wrong labels of an audit: the methods' own, or by verdicts.

    A label is wrong where a person replaced it; dropped samples count as not wrong. The verdicts'
    estimate is taken once all samples are judged, or 30 of a random audit sample, or 30 of the
    first in order of review if its interval is then no wider than the methods' own. Arguments as of
    `earned_so_far`.
    """
    summary = ws.run_summary(run.id) if summary is None else summary
    if len(ws.decisions(run.dataset_id)) < min(ENOUGH_VERDICTS, int(summary["labelled"])):
        return ErrorRate(**summary["error_rate"])
    return earned_so_far(ws, run, frame=frame, summary=summary)[1]


def rate_to_go_by(found: Earned, methods: ErrorRate) -> ErrorRate:
    """Return the estimate to go by; see `error_rate`."""
    if found.counted_all:
        how = (
            f"Counted: all {found.ranked:,} ranked samples are judged, and {found.found:,} labels "
            f"were wrong, that is relabelled.{_dropped(found)} Verdicts are taken to be right."
        )
        note = "counted" if found.dropped else f"counted: all {found.judged:,} judged"
        return ErrorRate(found.found / found.ranked, None, None, how, note + _beside(found))
    top = len(found.top_places)
    estimate = found.by_order if found.combined is None else found.combined
    if estimate is None or max(top, found.audited) < ENOUGH_VERDICTS:
        return methods
    if found.audited < ENOUGH_VERDICTS and _wider(estimate, methods):
        return methods
    said = (
        f"Estimated from verdicts: {found.found:,} wrong labels, that is relabelled ones, among "
        f"{found.judged:,} judged samples.{_dropped(found)} Of the {found.ranked:,} ranked "
        f"samples, the first {found.top:,} in order of review are counted"
    )
    if found.combined is not None:
        how = (
            f"{said}; {found.audited:,} drawn at random tell of the others, with a curve that "
            "falls along the order."
        )
    else:
        how = (
            f"{said}, and a curve that falls along the order, from the methods' own estimate, "
            "tells of the others. Wrong labels that no method sees are not in it: judge a random "
            "audit sample for those."
        )
    how += " 95 % interval; verdicts are taken to be right."
    note = f"from {found.judged:,} verdicts{_beside(found)}"
    return ErrorRate(estimate.value, estimate.low, estimate.high, how, note)


def _wider(estimate: Estimate, methods: ErrorRate) -> bool:
    if methods.low is None or methods.high is None:
        return False
    return estimate.high - estimate.low > methods.high - methods.low


def _dropped(found: Earned) -> str:
    if not found.dropped:
        return ""
    return (
        f" Dropped samples, {found.dropped:,} of them, count as not wrong: dropping says nothing "
        "against a label."
    )


def _beside(found: Earned) -> str:
    return ", drops not wrong" if found.dropped else ""


@dataclass(frozen=True, eq=False)
class _Basis:
    """What verdicts do not change: the ids by position, and the order of review."""

    ids: Places
    order: ReviewOrder


_bases: OrderedDict[tuple[str, ...], _Basis] = OrderedDict()
_lock = Lock()


def _basis(ws: Workspace, run: RunRecord, frame: pd.DataFrame | None) -> _Basis:
    """Return ids and order of an audit at its cut-off, kept for the next verdict."""
    cut = ws.cut_off(run.id)
    stem = (str(ws.root), run.id, str(run.attempt), str(run.finished))
    key = (*stem, repr(cut))
    with _lock:
        held = _bases.get(key)
        same_run = next((basis for name, basis in _bases.items() if name[:4] == stem), None)
    if held is None:
        samples = ws.run_samples(run.id) if frame is None else frame
        ids = same_run.ids if same_run else places_of(samples)
        held = _Basis(ids, review_order(_ranks(samples), flags(samples, cut)))
    with _lock:
        _bases[key] = held
        _bases.move_to_end(key)
        while len(_bases) > _HELD:
            _bases.popitem(last=False)
    return held


def _ranks(samples: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(samples["suspicion_rank"].to_numpy(dtype=float, na_value=np.nan))
