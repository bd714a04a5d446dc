"""How well rankings find errors whose places are known, and which method to recommend by that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.words import count

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_SAME = 9  # digits: means of the same numbers in another order differ beyond


def found_by(values: Floats, planted: Mask) -> NDArray[np.int64]:
    """Return (n + 1,) how many planted errors are among the first 0, 1, ... n samples reviewed.

    Samples are reviewed lowest value first; ties keep input order, samples without a value come
    last.

    Args:
        values: (n,), higher = more useful.
        planted: (n,) True where an error is.
    """
    order = np.argsort(_unscored_last(values), kind="stable")
    return np.concatenate([[0], np.cumsum(planted[order])]).astype(np.int64)


def recall_at(values: Floats, planted: Mask, k: int) -> float:
    """Return the share of the planted errors among the first k samples reviewed."""
    return float(found_by(values, planted)[k] / planted.sum())


def auroc(values: Floats, planted: Mask) -> float:
    """Return the probability that a planted error has a lower value than another sample.

    Ties count half; samples without a value count as the most useful ones, tied.
    """
    ranks = pd.Series(_unscored_last(values)).rank().to_numpy(dtype=np.float64)
    errors, others = int(planted.sum()), int((~planted).sum())
    below = ranks[planted].sum() - errors * (errors + 1) / 2
    return float(1.0 - below / (errors * others))


def recall_curve(values: Floats, planted: Mask, reviewed: Floats) -> Floats:
    """Return the share of planted errors found once a share `reviewed` (p,) of all is reviewed."""
    found = found_by(values, planted)
    return np.asarray(
        np.interp(reviewed * len(values), np.arange(len(found)), found) / planted.sum()
    )


def review_grid(share: float) -> Floats:
    """Return shares of samples to draw a recall curve at, denser up to three times `share`."""
    dense = np.linspace(0.0, min(1.0, 3 * share), 31)
    return np.unique(np.round(np.concatenate([dense, np.linspace(0.0, 1.0, 51)]), 6))


@dataclass(frozen=True)
class Recommendation:
    """`method` is None where none finds more than chance; `why` is one sentence."""

    method: str | None
    why: str


def mean_scores(scores: pd.DataFrame, seconds: Mapping[str, float]) -> pd.DataFrame:
    """Return one row per method: method, recall, recall_std_error, auroc, auroc_std_error, seconds.

    The standard error of the recall is that over the seeds, or the binomial one of all planted
    errors where that is larger: a few seeds can agree by chance. Best recall first, of the same
    recall best AUROC.

    Args:
        scores: method, seed, planted, recall, auroc; a row for each method and seed.
        seconds: estimated cost of each method.
    """
    rows = []
    for method, part in scores.groupby("method", sort=False):
        recall = part["recall"].to_numpy(dtype=np.float64)
        ranked = part["auroc"].to_numpy(dtype=np.float64)
        mean = float(recall.mean())
        binomial = float(np.sqrt(mean * (1 - mean) / max(int(part["planted"].sum()), 1)))
        rows.append(
            {
                "method": str(method),
                "recall": mean,
                "recall_std_error": max(_std_error(recall), binomial),
                "auroc": float(ranked.mean()),
                "auroc_std_error": _std_error(ranked) if len(ranked) > 1 else np.nan,
                "seconds": float(seconds[str(method)]),
            }
        )
    return pd.DataFrame(rows).sort_values(
        ["recall", "auroc"],
        ascending=False,
        kind="stable",
        ignore_index=True,
        key=lambda column: column.round(_SAME),
    )


def recommend(means: pd.DataFrame, chance: float) -> Recommendation:
    """Recommend the method of the highest mean recall, or a cheaper one as good as that.

    As good: within one standard error of the highest. Of methods of the same recall only the one
    of the highest AUROC is considered, of the same AUROC the cheapest.

    Args:
        means: the table of `mean_scores`.
        chance: the recall of a random order.
    """
    best = means.iloc[0]
    error = float(best["recall_std_error"])
    if best["recall"] - error <= chance:
        number = "the method" if len(means) == 1 else f"any of the {count(len(means), 'method')}"
        return Recommendation(
            None,
            f"No recommendation: the highest recall, {best['recall']:.1%} by {best['method']}, is "
            f"within one standard error ({error:.1%}) of a random order ({chance:.1%}), so this "
            f"test does not show that {number} finds such errors here.",
        )
    close = means[means["recall"] >= best["recall"] - error]
    ranked = close.assign(
        recall=close["recall"].round(_SAME), auroc=close["auroc"].round(_SAME)
    ).sort_values(["recall", "auroc", "seconds"], ascending=[False, False, True], kind="stable")
    considered = ranked.drop_duplicates("recall")
    chosen = considered.sort_values("seconds", kind="stable").iloc[0]
    return Recommendation(
        str(chosen["method"]),
        f"{chosen['method']} finds {chosen['recall']:.1%} of the planted errors in as many samples "
        f"as were planted{_reason(chosen, ranked, considered, error)}; a random order finds "
        f"{chance:.1%}.",
    )


def _reason(chosen: pd.Series, close: pd.DataFrame, considered: pd.DataFrame, error: float) -> str:
    """Return what sets a method apart from those within one standard error of the highest recall.

    Args:
        close: all of them, the highest recall first; `considered`: one for each recall.
    """
    first = considered.iloc[0]
    highest = f" (standard error {error:.1%})"
    if len(close) == 1:
        return f", the highest recall{highest}"
    said = ""
    equal = close[(close["recall"] == chosen["recall"]) & (close["method"] != chosen["method"])]
    if len(equal):
        second = equal.iloc[0]
        said = f", as many as {_listed(equal['method'])}"
        if second["auroc"] < chosen["auroc"]:
            said += (
                f", and ranks them better over the whole review (AUROC {chosen['auroc']:.3f} to "
                f"{second['auroc']:.3f})"
            )
        else:
            said += ", at no higher cost"
    others = considered[considered["method"] != chosen["method"]]
    if not len(others):
        return said + highest
    if chosen["method"] != first["method"]:
        of = f"the {'quicker' if len(others) == 1 else f'quickest of {len(others) + 1:,}'}"
        return (
            f"{said}: no clear difference to the highest recall, {first['recall']:.1%} by "
            f"{first['method']}{highest}, and {of} by estimate"
        )
    return (
        f"{said}: the highest recall, at no higher cost than {_listed(others['method'])}, with no "
        f"clear difference between them{highest}"
    )


def _listed(names: pd.Series) -> str:
    given = [str(name) for name in names]
    return given[0] if len(given) == 1 else f"{', '.join(given[:-1])} and {given[-1]}"


def _std_error(values: Floats) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def _unscored_last(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.inf)
