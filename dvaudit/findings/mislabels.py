"""Why a sample is suspicious, or is not, in words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import MISSING_CLASS, Dataset, Task
from dvaudit.findings.types import Consensus, Neighbours


def reasons(data: Dataset, found: Consensus, neighbours: Neighbours) -> NDArray[np.object_]:
    """Return (n,) one sentence or two per sample, from its margin and its nearest samples."""
    if data.task is Task.REGRESSION:
        return _target_reasons(data, found, neighbours)
    if data.task is Task.CLASSIFICATION:
        return _class_reasons(data, found, neighbours)
    return np.full(len(data), "The dataset has no labels to check.", dtype=object)


def _class_reasons(data: Dataset, found: Consensus, neighbours: Neighbours) -> NDArray[np.object_]:
    assert data.labels is not None
    codes = data.labels.astype(np.int64)
    code_of = {name: code for code, name in enumerate(data.class_names)}
    suggested = np.array(
        [code_of.get(label, MISSING_CLASS) for label in found.suggested_labels], dtype=np.int64
    )
    near = _codes_of_nearest(codes, neighbours)
    present = neighbours.all_index >= 0
    like_given = (near == codes[:, None]) & (codes >= 0)[:, None]
    sizes = np.bincount(codes[codes >= 0], minlength=len(data.class_names))
    top, top_count = _most_common(near, len(data.class_names))
    like_suggested = (near == suggested[:, None]) & (suggested >= 0)[:, None]
    out = np.empty(len(data), dtype=object)
    for i in range(len(data)):
        facts = _Near(
            int(present[i].sum()),
            int(like_given[i].sum()),
            int(like_suggested[i].sum()),
            "" if top[i] < 0 else data.class_names[top[i]],
            int(top_count[i]),
            int(neighbours.same_rank[i]),
        )
        if codes[i] < 0:
            out[i] = _unlabelled(facts)
            continue
        given = data.class_names[codes[i]]
        suggestion = found.suggested_labels[i]
        if sizes[codes[i]] == 1:
            out[i] = f"The only sample labelled {given}, so nothing else supports its label."
        elif found.flagged[i] and suggestion is not None:
            out[i] = _suggested(facts, given, str(suggestion), float(found.margins[i]))
        elif found.flagged[i]:
            out[i] = _doubted(facts, given)
        else:
            out[i] = _unflagged(facts, given, found.judges)
    return out


class _Near:
    """Counts among the nearest samples of one sample."""

    __slots__ = ("given", "rank", "suggested", "top", "top_count", "total")

    def __init__(
        self, total: int, given: int, suggested: int, top: str, top_count: int, rank: int
    ) -> None:
        self.total, self.given, self.suggested = total, given, suggested
        self.top, self.top_count, self.rank = top, top_count, rank


def _suggested(near: _Near, given: str, suggestion: str, margin: float) -> str:
    strength = f" (margin {margin:.2f})" if np.isfinite(margin) else ""
    parts = [f"Left out, the model says {suggestion}, not {given}{strength}"]
    if near.total:
        parts.append(
            f"{near.suggested} of its {_nearest(near.total)} {_are(near.suggested)} labelled "
            f"{suggestion} and {_count_is(near.given)} labelled {given}"
        )
    if not near.given and near.rank:
        parts.append(f"the nearest sample labelled {given} is at rank {near.rank:,}")
    return "; ".join(parts) + "."


def _doubted(near: _Near, given: str) -> str:
    if not near.total:
        return f"The scores speak against {given}."
    text = f"The scores speak against {given}; {_share_of(near, given)}"
    if near.top and near.top != given and near.top_count > near.given:
        text += f" and {_count_is(near.top_count)} labelled {near.top}"
    if not near.given and near.rank:
        text += f"; the nearest sample labelled {given} is at rank {near.rank:,}"
    return text + "."


def _unflagged(near: _Near, given: str, judged: bool) -> str:
    if not near.total:
        return "No other sample to compare with."
    text = _share_of(near, given)
    if near.top and near.top != given and near.top_count > near.given:
        text += f" and {_count_is(near.top_count)} labelled {near.top}"
        if judged:
            text += f"; the scores still agree with {given}"
    return text[0].upper() + text[1:] + "."


def _unlabelled(near: _Near) -> str:
    if not near.top_count:
        return "It has no label, and neither have its nearest samples."
    return (
        f"It has no label; {near.top_count} of its {_nearest(near.total)} "
        f"{_are(near.top_count)} labelled {near.top}."
    )


def _share_of(near: _Near, label: str) -> str:
    return (
        f"{near.given or 'none'} of its {_nearest(near.total)} {_are(near.given)} labelled {label}"
    )


def _nearest(total: int) -> str:
    return f"{total} nearest samples" if total > 1 else "1 nearest sample"


def _count_is(count: int) -> str:
    return f"{count or 'none'} {_are(count)}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _codes_of_nearest(codes: NDArray[np.int64], neighbours: Neighbours) -> NDArray[np.int64]:
    """Return (n, k) class codes of the nearest samples, -1 for no label or no sample."""
    return np.append(codes, MISSING_CLASS)[neighbours.all_index]


def _most_common(
    near: NDArray[np.int64], classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (n,) the commonest code of each row of (n, k), -1 for none, and (n,) its count."""
    n, k = near.shape
    # How often each entry's code occurs in its row: k² comparisons, whatever the class count.
    counts = np.zeros((n, k), dtype=np.int64)
    for column in range(k):
        counts += near == near[:, column : column + 1]
    counts[near < 0] = 0
    best = counts.argmax(axis=1)
    rows = np.arange(n)
    count = counts[rows, best]
    return np.where(count > 0, near[rows, best], MISSING_CLASS), count


def _target_reasons(data: Dataset, found: Consensus, neighbours: Neighbours) -> NDArray[np.object_]:
    assert data.labels is not None
    targets = data.labels.astype(np.float64)
    near = np.append(targets, np.nan)[neighbours.all_index]
    out = np.empty(len(data), dtype=object)
    for i in range(len(data)):
        known = near[i][np.isfinite(near[i])]
        around = _around(known)
        if not np.isfinite(targets[i]):
            out[i] = f"It has no target{around}."
        elif found.flagged[i] and found.suggested_labels[i] is not None:
            out[i] = (
                f"Left out, the model predicts {found.suggested_labels[i]}, not "
                f"{targets[i]:.6g}{around}."
            )
        elif found.flagged[i]:
            out[i] = f"The scores speak against {targets[i]:.6g}{around}."
        elif found.judges:
            out[i] = f"{targets[i]:.6g} agrees with the prediction of the others{around}."
        else:
            out[i] = f"Its target is {targets[i]:.6g}{around}."
    return out


def _around(known: NDArray[np.float64]) -> str:
    if not len(known):
        return ""
    if len(known) == 1:
        return f"; its nearest sample has {known[0]:.6g}"
    return (
        f"; its {len(known)} nearest samples have {known.min():.6g} to {known.max():.6g} "
        f"(median {np.median(known):.6g})"
    )
