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
    confused = _most_confused_with(codes, found, k) if classification else [None] * k
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
    columns = ["given_label", "suggested_label", "samples", "share", "examples"]
    if data.task is not Task.CLASSIFICATION:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
    suggests = np.array([label is not None for label in found.suggested_labels], dtype=bool)
    rows = np.flatnonzero(found.flagged & data.labelled & suggests)
    rows = rows[np.argsort(found.ranks[rows], kind="stable")]
    given = data.label_text()
    frame = pd.DataFrame(
        {
            "given_label": given[rows],
            "suggested_label": found.suggested_labels[rows],
            "id": np.array([data.ids[i] for i in rows], dtype=object),
        }
    )
    pairs = frame.groupby(["given_label", "suggested_label"], sort=False)["id"]
    table = pairs.agg(samples="size", examples=lambda ids: list(ids[:EXAMPLES])).reset_index()
    sizes = pd.Series(given[data.labelled]).value_counts()
    table["share"] = table["samples"] / table["given_label"].map(sizes).astype(float)
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
    known = data.labelled
    edges = np.unique(np.percentile(data.labels[known], [0, 25, 50, 75, 100]))
    codes = np.full(len(data), MISSING_CLASS, dtype=np.int64)
    codes[known] = np.searchsorted(edges[1:-1], data.labels[known], side="right")
    if len(edges) == 1:
        return codes, [f"{edges[0]:.6g}"]
    return codes, [f"{low:.6g} to {high:.6g}" for low, high in pairwise(edges)]


def _most_confused_with(codes: NDArray[np.int64], found: Consensus, k: int) -> list[str | None]:
    """Return per class the label most often suggested for its flagged samples."""
    out: list[str | None] = [None] * k
    rows = np.flatnonzero(found.flagged & (codes >= 0))
    frame = pd.DataFrame({"code": codes[rows], "to": found.suggested_labels[rows]}).dropna()
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
