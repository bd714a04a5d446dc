"""Sharing a queue out among reviewers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dvaudit.core.errors import SettingsError
from dvaudit.core.people import folded


def share_out(
    samples: int, reviewers: Sequence[str], overlap: float, seed: int
) -> dict[str, list[int]]:
    """Deal a queue out, so that each part runs from its beginning to its end.

    Samples go round one by one. A random `overlap` of them goes to a second reviewer, too; which
    two share a sample goes round as well, so that every pair shares about as many.

    Args:
        samples: length of the queue.
        overlap: share of the samples that two people judge, 0 to 1.
        seed: which samples those are.

    Returns:
        places in the queue, ascending, by reviewer.

    Raises:
        SettingsError: nobody named, a name twice or empty, or an overlap that cannot be.
    """
    names = list(reviewers)
    if not names or "" in names or len(set(map(folded, names))) < len(names):
        raise SettingsError(
            f"{len(names)} reviewers named ({', '.join(names) or 'none'}); name at least one, each "
            "once."
        )
    if not 0.0 <= overlap <= 1.0:
        raise SettingsError(f"The overlap is {overlap}; give a share from 0 to 1.")
    if overlap and len(names) < 2:
        raise SettingsError("One reviewer alone cannot overlap; name a second one, or share 0.")
    owner = np.arange(samples) % len(names)
    parts = {name: np.flatnonzero(owner == at) for at, name in enumerate(names)}
    twice = np.random.default_rng(seed).permutation(samples)[: round(overlap * samples)]
    if len(names) > 1:
        steps = 1 + np.arange(len(twice)) % (len(names) - 1)
        second = (owner[twice] + steps) % len(names)
        for at, name in enumerate(names):
            parts[name] = np.sort(np.concatenate([parts[name], twice[second == at]]))
    return {name: [int(place) for place in part] for name, part in parts.items()}
