"""Pruning curves over several seeds: who is held out, who is trained on, what each cut scores.

An order ranks all samples that may be removed. A cut removes its first so many; the model is
trained on those of its training part that are left. So the curves of every seed, and of a
subsample, tell of the same cuts of the whole dataset.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.progress import Progress, part, silent
from dvaudit.core.sampling import stratified_rows
from dvaudit.findings.pruning import Proxy, Series, shares_lost
from dvaudit.findings.pruning_material import Material
from dvaudit.findings.pruning_scores import (
    Lesson,
    chosen_ridge,
    held_out_scores,
    part_scores,
    predictions,
)

TEST_SHARE = 0.2
MOST_HELD_OUT = 2000
MOST_TRAINED = 10_000  # an exact kernel of these takes 800 MB
RIDGE_ROWS = 2000
KERNEL_COPIES = 2.6  # n x n numbers held at once: the kernel, the factor in work, strips of both

PART_COLUMNS = ("series", "seed", "offset", "removed", "name", "lost", "score", "held_out")

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]
Windows = Sequence[tuple[int, int]]
Plan = tuple[Series, Mapping[int, Rows], Windows]


@dataclass(frozen=True, eq=False)
class Curves:
    """Scores by series, seed and cut.

    Attributes:
        curves: series, seed, offset, removed, share, score.
        classes, contributors: series, seed, offset, removed, name, lost, score, held_out; `lost`
            is the share of the part's samples that are removed.
        trained, held_out: the most samples trained and scored on.
        drawn: True where the training samples are a subsample.
        ridge: of kernel ridge; None for other proxies.
    """

    curves: pd.DataFrame
    classes: pd.DataFrame
    contributors: pd.DataFrame
    trained: int
    held_out: int
    drawn: bool
    ridge: float | None


@dataclass
class _Tables:
    curves: list[pd.DataFrame] = field(default_factory=list)
    classes: list[pd.DataFrame] = field(default_factory=list)
    contributors: list[pd.DataFrame] = field(default_factory=list)


def curves(
    material: Material,
    plans: Sequence[Plan],
    proxy: Proxy,
    *,
    seeds: Sequence[int],
    device: str = "cpu",
    memory: int | None = None,
    progress: Progress = silent,
) -> Curves:
    """Return the curves of each plan: a series, its orders by seed, and the places it removes.

    A series with one order only has that order for all seeds.

    Args:
        memory: bytes that kernel ridge may take; None for no bound but MOST_TRAINED.
    """
    tables, ridge, trained, held_out, drawn = _Tables(), None, 0, 0, False
    most = MOST_TRAINED
    if proxy is Proxy.KERNEL and memory is not None:
        most = min(most, kernel_rows(memory))
    for index, seed in enumerate(seeds):
        stretch = part(progress, index / len(seeds), (index + 1) / len(seeds))
        train, held = split(material, seed)
        chosen = _drawn(material, train, most, seed)
        drawn |= len(chosen) < len(train)
        trained, held_out = max(trained, len(chosen)), max(held_out, len(held))
        own = material.rows[chosen]
        if proxy is Proxy.KERNEL and ridge is None:
            stretch(0.0, "choosing the ridge")
            few = own[_drawn(material, chosen, RIDGE_ROWS, seed, within=True)]
            ridge = chosen_ridge(material.vectors[few], material.labels[few], material.classes)
        lesson = Lesson(
            material.vectors[own],
            material.labels[own],
            material.classes,
            material.vectors[held],
            0.0 if ridge is None else ridge,
            seed,
            device,
        )
        orders = [_order_of(plan, seed) for plan in plans]
        inner = [
            _inner(order, chosen, windows)
            for order, (_, _, windows) in zip(orders, plans, strict=True)
        ]
        found = predictions(lesson, proxy, inner, _named(stretch, index, len(seeds)))
        for (series, _, windows), order, predicted in zip(plans, orders, found, strict=True):
            _note(tables, material, held, (series, seed, windows), order, predicted)
    return Curves(
        pd.concat(tables.curves, ignore_index=True),
        _joined(tables.classes),
        _joined(tables.contributors),
        trained,
        held_out,
        drawn,
        ridge,
    )


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    if tables:
        return pd.concat(tables, ignore_index=True)
    return pd.DataFrame(columns=list(PART_COLUMNS))


def kernel_rows(memory: int) -> int:
    """Return how many samples exact kernel ridge can train on in `memory` bytes."""
    return max(int(math.sqrt(memory / (8 * KERNEL_COPIES))), 1)


def split(material: Material, seed: int) -> tuple[Rows, Rows]:
    """Return places in `rows` to train on, and the samples to score on, of which the label is
    known.

    Raises:
        UnsuitableDataError: no sample is left to score on.
    """
    n = len(material.rows)
    places, held = np.arange(n), material.held_out
    if not len(held):
        size = min(max(2, round(TEST_SHARE * n)), MOST_HELD_OUT)
        taken = stratified_rows(_strata(material, places), size, seed)
        places, held = np.setdiff1d(places, taken), material.rows[taken]
    elif len(held) > MOST_HELD_OUT:
        codes = material.truth[held].astype(np.int64) if material.classes else 0 * held
        held = held[stratified_rows(codes, MOST_HELD_OUT, seed)]
    truth = material.truth[held]
    held = held[truth >= 0] if material.classes else held[np.isfinite(truth)]
    if not len(held):
        raise UnsuitableDataError(
            "No held-out sample has a label after the verdicts; choose a trusted set."
        )
    return places, held


def _strata(material: Material, places: Rows) -> Rows:
    if not material.classes:
        return np.zeros(len(places), dtype=np.int64)
    return material.targets[places].astype(np.int64)


def _drawn(material: Material, places: Rows, most: int, seed: int, *, within: bool = False) -> Rows:
    """Return at most `most` of the places, stratified; their indices where `within`."""
    few = stratified_rows(_strata(material, places), most, seed)
    return few if within else places[few]


def _order_of(plan: Plan, seed: int) -> Rows:
    orders = plan[1]
    return orders[seed] if seed in orders else next(iter(orders.values()))


def _inner(order: Rows, chosen: Rows, windows: Windows) -> tuple[Rows, list[tuple[int, int]]]:
    """Return the order of the training samples, by their index, and the windows among them."""
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    own = np.argsort(rank[chosen])
    places = rank[chosen][own]
    ends = np.searchsorted(places, np.array(windows, dtype=np.int64).reshape(-1, 2))
    return own, [(int(start), int(end)) for start, end in ends]


def _named(progress: Progress, index: int, seeds: int) -> Progress:
    words = f"seed {index + 1} of {seeds}: " if seeds > 1 else ""
    return lambda fraction, stage: progress(fraction, words + stage)


def _note(
    tables: _Tables,
    material: Material,
    held: Rows,
    key: tuple[Series, int, Windows],
    order: Rows,
    predicted: Floats,
) -> None:
    """Add the rows of one series and seed."""
    series, seed, windows = key
    truth, classes = material.truth[held], material.classes
    removed = np.array([end - start for start, end in windows])
    common = {
        "series": series.value,
        "seed": seed,
        "offset": np.array([start for start, _ in windows]),
        "removed": removed,
    }
    scores = held_out_scores(predicted, truth, classes)
    share = removed / len(material.rows)
    tables.curves.append(pd.DataFrame({**common, "share": share, "score": scores}))
    none = np.zeros(0, dtype=np.int64)
    sides = (
        (
            tables.classes,
            material.targets.astype(np.int64) if classes else none,
            truth.astype(np.int64) if classes else none,
            material.class_names,
        ),
        (
            tables.contributors,
            material.parts[material.rows],
            material.parts[held],
            material.contributors,
        ),
    )
    for table, inside, outside, names in sides:
        if not names:
            continue
        lost = shares_lost(inside, len(names), order, windows)
        each, sizes = part_scores(predicted, truth, classes, outside, len(names))
        repeated = {
            name: np.repeat(column, len(names)) if isinstance(column, np.ndarray) else column
            for name, column in common.items()
        }
        table.append(
            pd.DataFrame(
                {
                    **repeated,
                    "name": np.tile(np.array(names, dtype=object), len(windows)),
                    "lost": lost.ravel(),
                    "score": each.ravel(),
                    "held_out": np.tile(sizes, len(windows)),
                }
            )
        )
