"""Moving the cut-off."""

from __future__ import annotations

import numpy as np
import pytest

from dvaudit.core.errors import SettingsError
from dvaudit.findings import cut_at_margin, cut_at_rank, cut_at_share

MARGINS = np.array([0.5, -0.2, np.nan, 0.0, 1.5])
RANKS = np.array([2.0, 4.0, np.nan, 3.0, 1.0])


def test_a_margin_flags_what_exceeds_it():
    cut = cut_at_margin(MARGINS, RANKS)
    assert cut.flagged.tolist() == [True, False, False, False, True]
    assert (cut.samples, cut.margin, cut.rank) == (2, 0.0, 2)
    assert cut_at_margin(MARGINS, RANKS, -1.0).samples == 4
    assert cut_at_margin(MARGINS, RANKS, 2.0).rank == 0


def test_a_rank_flags_the_most_suspicious():
    assert cut_at_rank(RANKS, 3).flagged.tolist() == [True, False, False, True, True]
    assert cut_at_rank(RANKS, 0).samples == 0
    assert cut_at_rank(RANKS, 99).samples == 4


def test_a_share_is_of_the_ranked_samples():
    assert cut_at_share(RANKS, 0.5).rank == 2
    assert cut_at_share(np.full(3, np.nan), 0.5).samples == 0


@pytest.mark.parametrize("call", [lambda: cut_at_rank(RANKS, -1), lambda: cut_at_share(RANKS, 1.1)])
def test_impossible_cut_offs_are_refused(call):
    with pytest.raises(SettingsError, match="give"):
        call()
