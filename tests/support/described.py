"""Datasets of every kind that differ from sample to sample, and a small net in place of a large."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from dvaudit.core.dataset import Dataset, Kind, Role

SMALL: dict[str, dict[str, object]] = {"patches": {"patches": 8}, "backbone": {"download": True}}
TOTAL = 9
WORDS = ("one", "two two", "three, four", "five six seven", "", "eight nine", "ten", "one ten")
ROLES = {
    "x": Role.NUMERIC,
    "c": Role.CATEGORICAL,
    "d": Role.DATE,
    "t": Role.TEXT,
    "odd": Role.NUMERIC,
}
Make = Callable[..., Dataset]


def varied_table(make: Make, seed: int) -> Dataset:
    rng = np.random.default_rng(seed)
    days = pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, TOTAL), "D")
    blank = rng.random(TOTAL) < 0.3
    return make(
        {
            "x": np.where(blank, np.nan, rng.normal(size=TOTAL) * 10.0 ** rng.integers(0, 6)),
            "c": rng.choice(["a", "b", "c", "d"], TOTAL),
            "d": days.where(rng.random(TOTAL) < 0.8),
            "t": rng.choice(WORDS, TOTAL),
            "odd": np.where(rng.random(TOTAL) < 0.1, np.inf, 1.0),
        },
        ROLES,
    )


def varied(
    kind: Kind,
    seed: int,
    image_dataset: Make,
    table_dataset: Make,
    texture: Callable[..., np.ndarray],
) -> Dataset:
    """Return TOTAL samples of a kind; the makers are the fixtures of tests/features."""
    if kind is Kind.TABULAR:
        return varied_table(table_dataset, seed)
    if kind is Kind.IMAGE:
        first = list(texture(TOTAL - 4, 12, 14, 1, seed))
        return image_dataset([*first, *texture(4, 20, 12, 3, seed + 1)])
    data = image_dataset(list(texture(TOTAL, 2, 2, 1, seed)))
    vectors = np.random.default_rng(seed).normal(size=(TOTAL, 3))
    return replace(data, kind=Kind.VECTOR, images=None, vectors=vectors)


def small_network(_settings: object) -> object:
    """Return a small net, the same each time, in place of a trained one."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pool, flat = torch.nn.AvgPool2d(56), torch.nn.Flatten()
        return torch.nn.Sequential(pool, flat, torch.nn.Linear(48, 5))
