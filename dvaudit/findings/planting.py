"""Errors planted in a person's own data, so that methods can be tested on knowing where they are.

Only samples with a label that nobody vouches for are touched; the dataset given is not changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, Kind, Role, Task
from dvaudit.core.errors import SettingsError, UnsuitableDataError, some
from dvaudit.core.words import count

MOST_SHARE = 0.5
NOISE_STRENGTH = 2.0  # standard deviations of the column
# Per sample, drawn evenly: the setting of the DVGS paper for noisy features.
PICTURE_NOISE = (0.0, 3.0)

Pairs = Mapping[tuple[str, str], float]


class Plant(StrEnum):
    """What is planted."""

    UNIFORM = "uniform"
    PAIRS = "pairs"
    NOISE = "noise"


@dataclass(frozen=True, eq=False)
class Planted:
    """A dataset with planted errors.

    Attributes:
        mask: (n,) True where an error was planted.
        candidates: (n,) True where one could have been.
    """

    data: Dataset
    mask: NDArray[np.bool_]
    candidates: NDArray[np.bool_]


def plant_flips(data: Dataset, share: float, seed: int, *, pairs: Pairs | None = None) -> Planted:
    """Replace each label, with probability `share`, by another one.

    Args:
        share: above 0, at most 0.5.
        seed: the same seed plants the same errors.
        pairs: weight of each (right class, wrong class); a label becomes one of the wrong classes
            of its own in proportion to the weights, and stays where its class has none. None
            draws uniformly among all other classes that occur.

    Raises:
        SettingsError: a share out of bounds, or pairs that are none of this data.
        UnsuitableDataError: no classes, fewer than two of them, or nothing was drawn.
    """
    check_share(share)
    if data.task is not Task.CLASSIFICATION or data.labels is None:
        raise UnsuitableDataError(
            f"{data.name} is for {data.task}; labels are flipped among classes. Plant feature "
            "noise instead."
        )
    codes = data.labels.astype(np.int64)
    odds = _odds(data, codes, pairs)
    candidates = _free(data)
    candidates[candidates] = odds[codes[candidates]].sum(axis=1) > 0
    rng = np.random.default_rng(seed)
    mask = candidates & (rng.random(len(data)) < share)
    _check_drawn(data, mask, candidates, share)
    labels = codes.copy()
    labels[mask] = _drawn_classes(odds[codes[mask]], rng.random(len(data))[mask])
    changed = replace(
        data,
        labels=labels,
        fingerprint=_fingerprint(data, labels.tobytes()),
        notes=(*data.notes, f"{count(int(mask.sum()), 'label')} replaced for a self-test."),
    )
    return Planted(changed, mask, candidates)


def plant_noise(
    data: Dataset,
    share: float,
    seed: int,
    *,
    strength: float | tuple[float, float] = NOISE_STRENGTH,
) -> Planted:
    """Add normal noise to all numbers of each labelled sample, with probability `share`.

    Args:
        share: above 0, at most 0.5.
        seed: the same seed plants the same errors.
        strength: standard deviation of the noise in those of the column; of two numbers, each
            sample's own is drawn evenly between them.

    Raises:
        SettingsError: a share or strength out of bounds.
        UnsuitableDataError: images (see `as_vectors`), no numeric column, or nothing was drawn.
    """
    check_share(share)
    low, high = strength if isinstance(strength, tuple) else (strength, strength)
    if not 0 <= low <= high or not high > 0:
        raise SettingsError(
            f"The strength of the noise is {low:g} to {high:g}; give a number above 0."
            if isinstance(strength, tuple)
            else f"The strength of the noise is {strength:g}; give a number above 0."
        )
    columns, numbers = _numbers(data)
    candidates = _free(data)
    rng = np.random.default_rng(seed)
    mask = candidates & (rng.random(len(data)) < share)
    _check_drawn(data, mask, candidates, share)
    noise = _spreads(numbers) * rng.standard_normal(numbers.shape)
    noise *= rng.uniform(low, high, len(data))[:, None] if low < high else high
    changed = np.where(mask[:, None], numbers + noise, numbers)
    hashes = tuple(
        _digest(name, changed[row].tobytes()) if mask[row] else name
        for row, name in enumerate(data.hashes)
    )
    noisy = replace(
        data,
        vectors=changed if data.kind is Kind.VECTOR else data.vectors,
        table=data.table if data.kind is Kind.VECTOR else _with_columns(data, columns, changed),
        hashes=hashes,
        fingerprint=_fingerprint(data, "".join(hashes).encode()),
        notes=(*data.notes, f"{count(int(mask.sum()), 'sample')} made noisy for a self-test."),
    )
    return Planted(noisy, mask, candidates)


def as_vectors(data: Dataset, matrix: NDArray[np.floating]) -> Dataset:
    """Return `data` with the vectors an extractor made of it, (n, d), in place of its content."""
    vectors = np.asarray(matrix, dtype=np.float64)
    return replace(
        data,
        kind=Kind.VECTOR,
        vectors=vectors,
        images=None,
        table=None,
        fingerprint=_digest(data.fingerprint, vectors.tobytes()),
        notes=(*data.notes, "Feature vectors stand for the content in a self-test."),
    )


def takes_noise(kind: Kind | None, roles: Mapping[str, str]) -> bool:
    """True for data with numbers to add noise to: vectors, tables with such a column, and images.

    Those of images are their feature vectors; see `as_vectors`.
    """
    if kind is Kind.TABULAR:
        return Role.NUMERIC in roles.values()
    return kind in (Kind.VECTOR, Kind.IMAGE)


def confusion_pairs(confusions: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return how often a class was found labelled as another: (right, wrong) to samples.

    Args:
        confusions: the findings' table with given_label, suggested_label and samples; what is
            suggested is taken as right.
    """
    return {
        (str(right), str(wrong)): float(samples)
        for wrong, right, samples in zip(
            confusions["given_label"],
            confusions["suggested_label"],
            confusions["samples"],
            strict=True,
        )
    }


def check_share(share: float) -> None:
    """Refuse a share of samples to plant errors in that is out of bounds.

    Raises:
        SettingsError: it is not above 0, or above 0.5.
    """
    if not 0 < share <= MOST_SHARE:
        raise SettingsError(
            f"The share to plant is {share:g}; give a number above 0, at most {MOST_SHARE:g}."
        )


def _free(data: Dataset) -> NDArray[np.bool_]:
    """Return (n,) True for samples that may be changed: labelled, and nobody vouches for them."""
    return data.labelled.copy() if data.trusted is None else data.labelled & ~data.trusted


def _check_drawn(
    data: Dataset, mask: NDArray[np.bool_], candidates: NDArray[np.bool_], share: float
) -> None:
    if not mask.any() or mask[candidates].all():
        raise UnsuitableDataError(
            f"Of {int(candidates.sum()):,} samples of {data.name} that errors can be planted in, "
            f"{int(mask.sum()):,} were drawn at a share of {share:g}; there must be some with and "
            "some without. Plant another share, or use more data."
        )


def _odds(data: Dataset, codes: NDArray[np.int64], pairs: Pairs | None) -> NDArray[np.float64]:
    """Return (k, k) weights: row = right class, column = what its labels become."""
    k = len(data.class_names)
    present = np.unique(codes[data.labelled])
    if len(present) < 2:
        raise UnsuitableDataError(
            f"{data.name} has {count(len(present), 'class', 'classes')}; a label can be flipped "
            "where there are two or more."
        )
    odds = np.zeros((k, k))
    if pairs is None:
        odds[np.ix_(present, present)] = 1.0
        np.fill_diagonal(odds, 0.0)
        return odds
    known = {name: code for code, name in enumerate(data.class_names)}
    wrong = [
        f"{right!r} to {other!r}"
        for (right, other), weight in pairs.items()
        if right not in known or other not in known or right == other or not weight > 0
    ]
    if wrong or not pairs:
        raise SettingsError(
            f"{len(wrong)} of {count(len(pairs), 'confusion pair')} cannot be used "
            f"({some(wrong) or 'none was given'}): each needs two classes of {data.name} and a "
            "weight above 0."
        )
    for (right, other), weight in pairs.items():
        odds[known[right], known[other]] = weight
    return odds


def _drawn_classes(odds: NDArray[np.float64], luck: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return (m,) a class for each row of (m, k) weights, drawn by (m,) numbers in [0, 1)."""
    bounds = np.cumsum(odds, axis=1)
    # Strictly above: a class of weight 0 has the bound of the class before it.
    return np.asarray((bounds > luck[:, None] * bounds[:, -1:]).argmax(axis=1), dtype=np.int64)


def _numbers(data: Dataset) -> tuple[list[str], NDArray[np.float64]]:
    """Return the names of the columns that take noise, and (n, c) their content."""
    if data.kind is Kind.VECTOR and data.vectors is not None:
        return [], data.vectors
    if (
        data.table is None
        or data.kind is not Kind.TABULAR
        or not takes_noise(data.kind, data.roles)
    ):
        raise UnsuitableDataError(
            f"{data.name} holds no numeric columns to add noise to; plant label flips instead."
            if data.kind is Kind.TABULAR
            else f"{data.name} holds images; add noise to their feature vectors, or plant label "
            "flips instead."
        )
    names = [name for name in data.table.columns if data.roles.get(name) is Role.NUMERIC]
    columns = [
        pd.to_numeric(data.table[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
        for name in names
    ]
    return names, np.stack(columns, axis=1)


def _spreads(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (c,) standard deviations over the finite entries of each column; 0 for none."""
    finite = np.isfinite(numbers)
    many = np.maximum(finite.sum(axis=0), 1)
    centred = np.where(finite, numbers, 0.0)
    centred = np.where(finite, numbers - centred.sum(axis=0) / many, 0.0)
    return np.asarray(np.sqrt((centred**2).sum(axis=0) / many))


def _with_columns(data: Dataset, names: list[str], numbers: NDArray[np.float64]) -> pd.DataFrame:
    assert data.table is not None
    return data.table.assign(**{name: numbers[:, at] for at, name in enumerate(names)})


def _fingerprint(data: Dataset, changed: bytes) -> str:
    return _digest(data.fingerprint, changed)


def _digest(before: str, changed: bytes) -> str:
    return hashlib.sha256(f"{before} planted ".encode() + changed).hexdigest()
