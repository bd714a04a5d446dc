"""Where the samples come from that a method measures others against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, Task
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.joining import joined
from dvaudit.core.sampling import stratified_blocks, stratified_rows
from dvaudit.core.words import count


@dataclass(frozen=True, eq=False)
class Split:
    """Rows to value, and rows to measure them against.

    Attributes:
        data: the dataset both kinds of rows are of: the given one, or it joined with a trusted
            set, whose samples come last.
        valued: one array of rows a part; each row to value is in one part.
        trusted: the rows each part is measured against.
        words: where the trusted rows come from, to end a sentence with.
    """

    data: Dataset
    valued: tuple[NDArray[np.int64], ...]
    trusted: tuple[NDArray[np.int64], ...]
    words: str

    def parts(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Return (valued, trusted) rows part by part."""
        return zip(self.valued, self.trusted, strict=True)


def given_split(data: Dataset, trusted: Dataset | None) -> Split | None:
    """Return the split by a trusted set, or by the samples marked as trusted; None without either.

    Samples marked as trusted are not valued where they serve as the trusted set.

    Raises:
        UnsuitableDataError: a trusted set without labels, or of another form than `data`.
    """
    labelled = usable(data)
    if trusted is not None:
        known = usable(trusted)
        if not len(known):
            raise UnsuitableDataError(
                f"None of the {len(trusted):,} samples of the trusted set {trusted.name} has a "
                "label; choose its label column."
            )
        words = f"the trusted set {trusted.name} ({count(len(known), 'sample')})"
        own = {data.hashes[row] for row in labelled}
        shared = sum(trusted.hashes[row] in own for row in known)
        if shared:
            words += (
                f", of which {shared:,} are among the samples to value and vouch for themselves"
            )
        return Split(joined(data, trusted), (labelled,), (len(data) + known,), words)
    if data.trusted is not None and data.trusted[labelled].any():
        marked = data.trusted[labelled]
        words = f"the {count(int(marked.sum()), 'sample')} marked as trusted"
        return Split(data, (labelled[~marked],), (labelled[marked],), words)
    return None


def held_out(data: Dataset, share: float, seed: int) -> Split:
    """Return the split by a random share of the data itself, stratified by class.

    Raises:
        UnsuitableDataError: nothing is left to value.
    """
    labelled = usable(data)
    size = max(1, round(share * len(labelled)))
    held = stratified_rows(_codes(data, labelled), size, seed)
    kept = np.setdiff1d(np.arange(len(labelled)), held)
    if not len(kept):
        raise UnsuitableDataError(
            f"{len(labelled):,} labelled samples are too few to hold {size:,} out; give a trusted "
            "set."
        )
    words = (
        f"a random {share:.0%} of the data itself ({count(len(held), 'sample')} held out), because "
        "no trusted set was given: its labels may be wrong like all others"
    )
    return Split(data, (labelled[kept],), (labelled[held],), words)


def halves(data: Dataset, seed: int) -> Split:
    """Return the split into two random halves, stratified by class, each against the other.

    So that every sample is valued where no sample is known to be right.

    Raises:
        UnsuitableDataError: fewer than two labelled samples.
    """
    labelled = usable(data)
    if len(labelled) < 2:
        raise UnsuitableDataError(
            "There is 1 labelled sample and nothing to measure it against; give a trusted set."
        )
    codes = _codes(data, labelled)
    blocks = stratified_blocks(codes, -(-len(labelled) // 2), [seed, 17])
    if len(blocks) < 2:
        order = np.random.default_rng([seed, 17]).permutation(len(labelled))
        blocks = [np.sort(half) for half in np.array_split(order, 2)]
    one, two = labelled[blocks[0]], labelled[blocks[1]]
    doubt = (
        "it may be as noisy as the rest"
        if data.task is Task.UNSUPERVISED
        else "its labels may be wrong like all others"
    )
    words = (
        f"the other half of the data, drawn at random ({len(one):,} and {len(two):,} samples), "
        f"because no trusted set was given: {doubt}"
    )
    return Split(data, (one, two), (two, one), words)


def usable(data: Dataset) -> NDArray[np.int64]:
    """Return the rows with a label, or all where the task needs none."""
    if data.task is Task.UNSUPERVISED:
        return np.arange(len(data))
    return np.flatnonzero(data.labelled)


def _codes(data: Dataset, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    if data.task is Task.CLASSIFICATION and data.labels is not None:
        return data.labels[rows].astype(np.int64)
    return np.zeros(len(rows), dtype=np.int64)
