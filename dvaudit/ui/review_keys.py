"""The classes that the number keys stand for, where there are more classes than keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, takewhile

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.errors import NotFoundError
from dvaudit.store import DatasetRecord, RunRecord, Workspace

KEYS, FIXED = 9, 10  # with FIXED classes or fewer each class has a key of its own
LONGEST = 16


def likeliest(
    classes: Sequence[str],
    given: str | None,
    suggestion: str | None,
    scores: NDArray[np.float64] | None,
    near: Iterable[str | None],
) -> list[str]:
    """Return the KEYS classes a sample most likely is of, its given one left out.

    Args:
        scores: (k,) score of each class, higher = more likely; None where no method has any.
        near: the labels of its neighbours, the nearest first.

    Returns:
        the suggestion, then classes by score, those of the neighbours, and the others in order.
    """
    scored: list[str] = []
    if scores is not None:
        known = np.flatnonzero(np.isfinite(scores))
        best = known[np.argsort(-scores[known], kind="stable")][: KEYS + 1]
        scored = [classes[at] for at in best.tolist()]
    there = set(classes)
    found: dict[str, None] = {}
    for name in chain([suggestion], scored, near, classes):
        if name is not None and name != given and name in there:
            found.setdefault(name)
            if len(found) == KEYS:
                break
    return list(found)


def class_scores(
    ws: Workspace, dataset: DatasetRecord, run: RunRecord
) -> NDArray[np.float64] | None:
    """Return (n, k) scores of each sample's classes by the first method that stored any."""
    for method in run.params.get("valuators", ()):
        try:
            scores: NDArray[np.float64] = ws.run_array(run.id, f"{method}-class_scores")
        except NotFoundError:
            continue
        if scores.ndim == 2 and scores.shape[1] == len(dataset.class_names):
            return scores
    return None


def short_names(names: Sequence[str], longest: int = LONGEST) -> list[str]:
    """Return names that fit into a small space and differ where the names differ.

    A long name loses its middle; those that would then look the same, what they have in common at
    the front.
    """
    lines = [" ".join(name.split()) for name in names]
    cut = [_middle(line, longest) for line in lines]
    short = cut.copy()
    for at, text in enumerate(cut):
        alike = [line for other, line in zip(cut, lines, strict=True) if other == text]
        if len(alike) > 1:
            common = _common(alike)
            short[at] = _middle("…" + lines[at][max(0, common - 3) :], longest, back=4)
    return short


def _common(lines: Sequence[str]) -> int:
    """Return how many letters lines begin with alike."""
    return sum(1 for _ in takewhile(lambda at: len(set(at)) == 1, zip(*lines, strict=False)))


def _middle(text: str, longest: int, back: int | None = None) -> str:
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 2 if back is None else back
    return f"{text[: longest - 1 - tail]}…{text[-tail:]}"
