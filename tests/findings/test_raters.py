"""Agreement of two people: kappa against the formula, and where there is nothing to say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvaudit.core.errors import SettingsError
from dvaudit.findings.raters import agreements, cohens_kappa
from dvaudit.findings.sharing import share_out

ANSWERS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1)


def _pairs(table: dict[tuple[str, str], int]) -> tuple[list[str], list[str]]:
    both = [pair for pair, times in table.items() for _ in range(times)]
    return [one for one, _ in both], [other for _, other in both]


def test_kappa_of_a_table_worked_by_hand() -> None:
    # 45 + 15 of 100 the same; by chance .6 * .7 + .4 * .3 = .54: kappa = (.6 - .54) / .46.
    counts = {("y", "y"): 45, ("y", "n"): 15, ("n", "y"): 25, ("n", "n"): 15}
    found = cohens_kappa(*_pairs(counts))
    assert (found.shared, found.agreed) == (100, 0.6)
    assert found.kappa == pytest.approx(0.06 / 0.46)
    # Fleiss, Cohen and Everitt's variance, term by term.
    kappa = 0.06 / 0.46
    own = 0.45 * (1 - 1.3 * (1 - kappa)) ** 2 + 0.15 * (1 - 0.7 * (1 - kappa)) ** 2
    across = (1 - kappa) ** 2 * (0.15 * (0.7 + 0.4) ** 2 + 0.25 * (0.3 + 0.6) ** 2)
    variance = (own + across - (kappa - 0.54 * (1 - kappa)) ** 2) / (100 * 0.46**2)
    width = 1.959964 * math.sqrt(variance)
    assert (found.low, found.high) == pytest.approx((kappa - width, kappa + width))


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    truth, hits = 0.5, 0
    for _ in range(400):
        one = rng.integers(0, 2, 200)
        other = np.where(rng.random(200) < 0.75, one, 1 - one)  # agreed .75, by chance .5
        found = cohens_kappa(one.tolist(), other.tolist())
        hits += found.low <= truth <= found.high
    assert 0.92 <= hits / 400 <= 0.98


@given(pairs=ANSWERS)
def test_kappa_is_the_textbook_ratio(pairs: list[tuple[str, str]]) -> None:
    one, other = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    found = cohens_kappa(one, other)
    n = len(pairs)
    agreed = sum(first == second for first, second in pairs) / n
    expected = sum(one.count(answer) / n * other.count(answer) / n for answer in "abc")
    if expected == 1:
        assert math.isnan(found.kappa)
        return
    assert found.kappa == pytest.approx((agreed - expected) / (1 - expected), abs=1e-12)
    swapped = cohens_kappa(other, one)
    assert swapped.kappa == pytest.approx(found.kappa, abs=1e-12)
    if not math.isnan(found.low):
        assert -1 <= found.low <= found.kappa <= found.high <= 1


def test_where_there_is_nothing_to_say() -> None:
    assert math.isnan(cohens_kappa([], []).agreed)
    alike = cohens_kappa(["keep"] * 5, ["keep"] * 5)
    assert (alike.agreed, math.isnan(alike.kappa)) == (1.0, True)
    perfect = cohens_kappa(["keep", "drop"], ["keep", "drop"])
    assert (perfect.kappa, math.isnan(perfect.low)) == (1.0, True)
    with pytest.raises(ValueError, match="1 answers"):
        cohens_kappa(["keep"], [])


def test_pairs_with_shared_samples_and_their_confusion() -> None:
    opinions = {
        "ann": {1: ("keep", None), 2: ("relabel", "x"), 3: ("relabel", "x")},
        "bob": {2: ("relabel", "x"), 3: ("relabel", "y"), 9: ("drop", None)},
        "cleo": {7: ("keep", None)},
    }
    [pair] = agreements(opinions, ["keep", "relabel", "drop"])
    assert (pair.one, pair.other, pair.verdicts.shared) == ("ann", "bob", 2)
    assert (pair.verdicts.agreed, pair.outcomes.agreed) == (1.0, 0.5)
    assert pair.confusion.to_numpy().tolist() == [[0, 0, 0], [0, 2, 0], [0, 0, 0]]


@given(
    samples=st.integers(0, 60),
    reviewers=st.integers(2, 5),
    overlap=st.floats(0, 1),
    seed=st.integers(0, 9),
)
def test_every_sample_has_one_owner_and_the_overlap_two(
    samples: int, reviewers: int, overlap: float, seed: int
) -> None:
    names = "abcde"[:reviewers]
    parts = share_out(samples, list(names), overlap, seed)
    owners = [[name for name in names if place in parts[name]] for place in range(samples)]
    assert all(len(found) in (1, 2) for found in owners)
    assert sum(len(found) == 2 for found in owners) == round(overlap * samples)
    assert all(part == sorted(part) for part in parts.values())
    assert all(place in parts[names[place % reviewers]] for place in range(samples))


def test_every_pair_shares_about_as_many() -> None:
    parts = share_out(600, ["a", "b", "c"], 0.5, 0)
    shared = [len(set(parts[x]) & set(parts[y])) for x, y in ("ab", "ac", "bc")]
    assert max(shared) - min(shared) < 40


@pytest.mark.parametrize(
    ("names", "overlap"),
    [("", 0.0), ("aa", 0.0), ("a", 0.2), ("ab", 1.5)],
)
def test_sharing_that_cannot_be_is_refused(names: str, overlap: float) -> None:
    with pytest.raises(SettingsError, match=r"name at least|share from|name a second"):
        share_out(10, list(names), overlap, 0)
