"""What the chosen methods say together: one ranking, one flag, one suggestion per sample."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.errors import SettingsError, some
from dvaudit.core.result import ValuationResult, suspicion_ranks
from dvaudit.core.words import count
from dvaudit.findings.types import Consensus

SUGGESTS_BEST = "kernel-loo"


def consensus(
    results: Mapping[str, ValuationResult], n: int, *, detectors: Collection[str] | None = None
) -> Consensus:
    """Combine the results of the methods that detect mislabels.

    Ranking: the mean over the methods of rank / (scored samples), of those that scored the
    sample; ties keep input order. Flag: more than half of the methods that flag. When exactly
    half do, those that also name a better label decide by majority, because theirs is a
    prediction and not a threshold on a score; with kernel-loo and cg-score that is kernel-loo.
    Suggestion and margin: kernel-loo's, else those of the first method that has them; a
    suggestion equal to the given label is none.

    Args:
        results: by method name, each over the same n samples.
        detectors: names of the methods that count; None for all that detect mislabels.

    Raises:
        SettingsError: a detector that has no result.
    """
    names = _detectors(results, detectors)
    chosen = [results[name] for name in names]
    suspicion = _mean_rank(chosen, n)
    suggested, margins = _suggestions(chosen, n)
    number = count(len(names), "method", "methods")
    how = f"{number}: {', '.join(names)}." if names else "No method ranks samples."
    return Consensus(
        suspicion,
        suspicion_ranks(suspicion),
        _majority(chosen, n),
        suggested,
        margins,
        how,
        judges=any(result.flagged is not None for result in chosen),
    )


def spared(found: Consensus, trusted: NDArray[np.bool_] | None) -> Consensus:
    """Return the consensus with no flag and no suggestion for samples that a person vouches for."""
    if trusted is None or not trusted.any():
        return found
    suggested = found.suggested_labels.copy()
    suggested[trusted] = None
    return replace(found, flagged=found.flagged & ~trusted, suggested_labels=suggested)


def _detectors(
    results: Mapping[str, ValuationResult], detectors: Collection[str] | None
) -> list[str]:
    if detectors is None:
        return [name for name, result in results.items() if result.detects_mislabels]
    missing = [name for name in detectors if name not in results]
    if missing:
        raise SettingsError(
            f"{len(missing)} methods of the consensus have no result ({some(missing)}); "
            f"choose from: {', '.join(results) or 'none was run'}."
        )
    return [name for name in results if name in detectors]


def _mean_rank(chosen: list[ValuationResult], n: int) -> NDArray[np.float64]:
    """Return (n,) mean normalised ranks in (0, 1); NaN where no method scored the sample."""
    total, count = np.zeros(n), np.zeros(n)
    for result in chosen:
        ranks = result.suspicion_ranks()
        scored = np.isfinite(ranks)
        total[scored] += (ranks[scored] - 0.5) / max(int(scored.sum()), 1)
        count += scored
    # Rounded, so that equal means tie whatever the order in which the methods are added.
    return np.where(count > 0, np.round(total / np.maximum(count, 1), 12), np.nan)


def _majority(chosen: list[ValuationResult], n: int) -> NDArray[np.bool_]:
    balance = _balance(chosen, n)
    decisive = _balance([result for result in chosen if result.suggested_labels is not None], n)
    return np.asarray((balance > 0) | ((balance == 0) & (decisive > 0)))


def _balance(chosen: list[ValuationResult], n: int) -> NDArray[np.int64]:
    """Return (n,) methods that flag a sample less those that scored and do not."""
    balance = np.zeros(n, dtype=np.int64)
    for result in chosen:
        if result.flagged is not None:
            vote = np.where(result.flagged, 1, -1)
            balance += np.where(np.isfinite(result.values), vote, 0)
    return balance


def _suggestions(
    chosen: list[ValuationResult], n: int
) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    able = [result for result in chosen if result.suggested_labels is not None]
    able.sort(key=lambda result: result.valuator != SUGGESTS_BEST)  # stable: else in given order
    suggested = np.full(n, None, dtype=object)
    margins = np.full(n, np.nan)
    if not able:
        return suggested, margins
    best = able[0]
    assert best.suggested_labels is not None
    differs = np.array(
        [
            label is not None and label != given
            for label, given in zip(best.suggested_labels, best.given_labels, strict=True)
        ],
        dtype=bool,
    )
    suggested[differs] = best.suggested_labels[differs]
    return suggested, margins if best.margins is None else best.margins.astype(np.float64)
