"""Tables per class: how many are suspicious, what they are confused with, what is too rare."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.dataset import MISSING_CLASS, Dataset, Task
from dvaudit.findings.types import Consensus

RARE = 5
UNEVEN = 0.1  # of an even share
EXAMPLES = 3


def class_table(data: Dataset, found: Consensus) -> pd.DataFrame:
    """Return one row per class; see Findings.classes. Empty where nothing is labelled."""
    codes, names = _groups(data)
    k = len(names)
    known = codes >= 0
    samples = np.bincount(codes[known], minlength=k)
    flagged = np.bincount(codes[known & found.flagged], minlength=k)
    scored = known & np.isfinite(found.margins)
    margin_sum = np.bincount(codes[scored], weights=found.margins[scored], minlength=k)
    margin_count = np.bincount(codes[scored], minlength=k)
    classification = data.task is Task.CLASSIFICATION
    confused: list[str | None] = [None] * k
    if classification:
        confused = _most_confused_with(codes, found.flagged, found.suggested_labels, k)
    notes = [_note(int(count), int(samples.sum()), k) for count in samples]
    return pd.DataFrame(
        {
            "class": np.array(names, dtype=object),
            "samples": samples.astype(np.int64),
            "share": samples / max(1, int(samples.sum())),
            "flagged": flagged.astype(np.int64),
            "share_flagged": flagged / np.maximum(samples, 1),
            "mean_margin": np.where(
                margin_count > 0, margin_sum / np.maximum(margin_count, 1), np.nan
            ),
            "most_confused_with": np.array(confused, dtype=object),
            "note": np.array(notes if classification else [""] * k, dtype=object),
        }
    )


def confusion_table(data: Dataset, found: Consensus) -> pd.DataFrame:
    """Return the flagged samples by given and suggested label; see Findings.confusions."""
    frame = pd.DataFrame(
        {
            "id": np.asarray(data.ids, dtype=object),
            "given_label": data.label_text(),
            "suspicion_rank": found.ranks,
            "flagged": found.flagged,
            "suggested_label": found.suggested_labels,
        }
    )
    return confusions_among(frame, data.task)


def classes_at(classes: pd.DataFrame, samples: pd.DataFrame, task: Task) -> pd.DataFrame:
    """Return a class table with its flags counted again, as Findings.samples has them now."""
    if classes.empty:
        return classes
    codes = _codes_of(classes, samples, task)
    flagged = samples["flagged"].to_numpy(dtype=bool) & (codes >= 0)
    counts = np.bincount(codes[flagged], minlength=len(classes))
    again = classes.assign(
        flagged=counts.astype(np.int64),
        share_flagged=counts / np.maximum(classes["samples"].to_numpy(), 1),
    )
    if task is not Task.CLASSIFICATION:
        return again
    suggested = samples["suggested_label"].to_numpy(dtype=object)
    confused = _most_confused_with(codes, flagged, suggested, len(classes))
    return again.assign(most_confused_with=np.array(confused, dtype=object))


def _codes_of(classes: pd.DataFrame, samples: pd.DataFrame, task: Task) -> NDArray[np.int64]:
    """Return (n,) the row of the class table that each sample belongs to, -1 for none."""
    given = samples["given_label"]
    if task is Task.CLASSIFICATION:
        codes = pd.Index(classes["class"]).get_indexer(pd.Index(given))
        return np.asarray(codes, dtype=np.int64)
    return _quarters(pd.to_numeric(given).to_numpy(dtype=float, na_value=np.nan))[0]


def confusions_among(samples: pd.DataFrame, task: Task) -> pd.DataFrame:
    """Return the flagged rows of Findings.samples by label pair; see Findings.confusions."""
    columns = ["given_label", "suggested_label", "samples", "share", "examples"]
    if task is not Task.CLASSIFICATION:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
    given = samples["given_label"]
    chosen = samples["flagged"] & given.notna() & samples["suggested_label"].notna()
    frame = samples[chosen].sort_values("suspicion_rank", kind="stable")
    pairs = frame.groupby(["given_label", "suggested_label"], sort=False)["id"]
    table = pairs.agg(samples="size", examples=lambda ids: list(ids[:EXAMPLES])).reset_index()
    table["share"] = table["samples"] / table["given_label"].map(given.value_counts()).astype(float)
    ordered = table.sort_values("samples", ascending=False, kind="stable", ignore_index=True)
    return ordered[columns].astype({"samples": np.int64, "share": np.float64})


def _groups(data: Dataset) -> tuple[NDArray[np.int64], list[str]]:
    """Return (n,) group numbers, -1 for no label, and the groups' names.

    Groups are the classes; for regression the quarters of the targets, by rank.
    """
    if data.labels is None or not data.labelled.any():
        return np.full(len(data), MISSING_CLASS), []
    if data.task is Task.CLASSIFICATION:
        return data.labels.astype(np.int64), list(data.class_names)
    return _quarters(data.labels.astype(np.float64))


def _quarters(targets: NDArray[np.float64]) -> tuple[NDArray[np.int64], list[str]]:
    """Return (n,) the quarter of each target by rank, -1 for NaN, and the quarters' names."""
    known = np.isfinite(targets)
    edges = np.unique(np.percentile(targets[known], [0, 25, 50, 75, 100]))
    codes = np.full(len(targets), MISSING_CLASS, dtype=np.int64)
    codes[known] = np.searchsorted(edges[1:-1], targets[known], side="right")
    if len(edges) == 1:
        return codes, [f"{edges[0]:.6g}"]
    return codes, [f"{low:.6g} to {high:.6g}" for low, high in pairwise(edges)]


def _most_confused_with(
    codes: NDArray[np.int64], flagged: NDArray[np.bool_], suggested: NDArray[np.object_], k: int
) -> list[str | None]:
    """Return per class the label most often suggested for its flagged samples."""
    out: list[str | None] = [None] * k
    rows = np.flatnonzero(flagged & (codes >= 0))
    frame = pd.DataFrame({"code": codes[rows], "to": suggested[rows]}).dropna()
    # Stable: of equally frequent labels, the one met first.
    counts = frame.value_counts(sort=True).sort_values(ascending=False, kind="stable")
    firsts = counts.reset_index().drop_duplicates("code")
    for code, to in zip(firsts["code"].to_numpy(np.int64), firsts["to"], strict=True):
        out[code] = str(to)
    return out


def _note(samples: int, total: int, k: int) -> str:
    if samples == 0:
        return "No sample has this label."
    if samples == 1:
        return "A single sample: nothing can confirm or refute its label."
    if samples < RARE:
        return f"Only {samples} samples: too few to judge their labels reliably."
    if samples / total < UNEVEN / k:
        return "Rare: under a tenth of an even share."
    return ""
