"""What decisions do to the classes, or to the target of a regression."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pandas as pd

from dvaudit.core.dataset import Task
from dvaudit.core.decisions import Decision, Verdict

CLASS_COLUMNS = ("class", "before", "dropped", "moved_out", "moved_in", "after", "change")
TARGET_COLUMNS = ("labels", "samples", "mean", "std", "min", "max")


def class_effects(samples: pd.DataFrame, decisions: Mapping[str, Decision]) -> pd.DataFrame:
    """Return one row per class with CLASS_COLUMNS, largest first: counts of samples.

    after = before - dropped - moved_out + moved_in, and change = after - before. Samples without
    a label count in no class until they get one.

    Args:
        samples: needs `id` and `given_label`.
    """
    before: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    moved_out: Counter[str] = Counter()
    moved_in: Counter[str] = Counter()
    for name, label in zip(samples["id"], samples["given_label"], strict=True):
        given = None if pd.isna(label) else str(label)
        made = decisions.get(str(name))
        if given is not None:
            before[given] += 1
        if made is None:
            continue
        if made.verdict is Verdict.DROP and given is not None:
            dropped[given] += 1
        elif made.verdict is Verdict.RELABEL and made.label != given:
            assert made.label is not None
            moved_in[made.label] += 1
            if given is not None:
                moved_out[given] += 1
    names = sorted({*before, *moved_in}, key=lambda name: (-before[name], name))
    frame = pd.DataFrame(
        {
            "class": pd.Series(names, dtype=object),
            "before": [before[name] for name in names],
            "dropped": [dropped[name] for name in names],
            "moved_out": [moved_out[name] for name in names],
            "moved_in": [moved_in[name] for name in names],
        }
    )
    after = frame["before"] - frame["dropped"] - frame["moved_out"] + frame["moved_in"]
    return frame.assign(after=after, change=after - frame["before"])[list(CLASS_COLUMNS)]


def target_effects(samples: pd.DataFrame, decisions: Mapping[str, Decision]) -> pd.DataFrame:
    """Return two rows with TARGET_COLUMNS: labels "before" and "after", in the target's unit.

    `std` is the sample's standard deviation; NaN with fewer than two targets.
    """
    before, after = [], []
    for name, label in zip(samples["id"], samples["given_label"], strict=True):
        given = np.nan if pd.isna(label) else float(label)
        made = decisions.get(str(name))
        before.append(given)
        if made is not None and made.verdict is Verdict.DROP:
            continue
        relabelled = made is not None and made.label is not None
        after.append(float(made.label) if relabelled and made and made.label else given)
    return pd.DataFrame(
        [_described("before", before), _described("after", after)], columns=list(TARGET_COLUMNS)
    )


def effects(samples: pd.DataFrame, decisions: Mapping[str, Decision], task: Task) -> pd.DataFrame:
    """Return class_effects, or target_effects for regression."""
    if task is Task.REGRESSION:
        return target_effects(samples, decisions)
    return class_effects(samples, decisions)


def _described(which: str, targets: list[float]) -> tuple[str, int, float, float, float, float]:
    known = pd.Series(targets, dtype=float).dropna()
    return (which, len(known), known.mean(), known.std(), known.min(), known.max())
