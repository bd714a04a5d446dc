"""Filters, cut-offs and the review queue."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dvaudit.core.decisions import Decision, Verdict
from dvaudit.findings import CutBy, CutOff, flags
from dvaudit.ui.ranking import Filter, Show, review_queue, select

FRAME = pd.DataFrame(
    {
        "id": ["a/1", "a/2", "B.3", "b/4", "c/5"],
        "given_label": ["a", "a", "b", "b", None],
        "suspicion_rank": pd.array([2, 4, 1, 3, None], dtype="Int64"),
        "flagged": [True, False, True, False, False],
        "margin": [0.4, -0.5, 0.9, -0.1, np.nan],
        "duplicate_group": pd.array([None, 1, None, 1, None], dtype="Int64"),
        "duplicate_conflict": [False, True, False, True, False],
        "outlier": [False, False, False, False, True],
        "m.value": [-0.4, 0.5, -0.9, 0.1, np.nan],
        "cg-score.cg_atypical": [1.0, 1.0, 0.0, 0.0, np.nan],
    }
)
FLAGGED = FRAME["flagged"].to_numpy()


@pytest.mark.parametrize(
    ("wanted", "positions"),
    [
        (Filter(), [2, 0, 3, 1, 4]),
        (Filter(descending=True), [1, 3, 0, 2, 4]),
        (Filter(column="margin", descending=True), [2, 0, 3, 1, 4]),
        (Filter(show=Show.FLAGGED), [2, 0]),
        (Filter(show=Show.ATYPICAL), [1]),
        (Filter(show=Show.CONFLICTS), [3, 1]),
        (Filter(show=Show.DUPLICATES, classes=("a",)), [1]),
        (Filter(show=Show.OUTLIERS), [4]),
        (Filter(find="B"), [2, 3]),
        (Filter(find="."), [2]),
        (Filter(within=("m.value", -0.4, 0.5)), [0, 3]),
        (Filter(classes=("no such class",)), []),
    ],
)
def test_filters_and_order(wanted: Filter, positions: list[int]) -> None:
    assert select(FRAME, FLAGGED, wanted).tolist() == positions


def test_reviewed_samples_can_be_listed() -> None:
    assert select(FRAME, FLAGGED, Filter(show=Show.REVIEWED), {"b/4"}).tolist() == [3]


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        (CutOff(), [0, 2]),
        (CutOff(CutBy.RANK, rank=3), [0, 2, 3]),
        (CutOff(CutBy.RANK, rank=0), []),
        (CutOff(CutBy.MARGIN, margin=0.5), [2]),
    ],
)
def test_the_cut_off_decides_what_is_flagged(cut: CutOff, expected: list[int]) -> None:
    assert np.flatnonzero(flags(FRAME, cut)).tolist() == expected


def test_the_queue_has_flagged_first_and_nothing_without_a_rank() -> None:
    assert review_queue(FRAME, FLAGGED, {}).tolist() == [2, 0]
    assert review_queue(FRAME, FLAGGED, {}, every=True).tolist() == [2, 0, 3, 1]


def test_the_queue_skips_what_was_reviewed_before_but_keeps_what_was_just_now() -> None:
    decided = {"B.3": Decision("B.3", Verdict.KEEP)}
    assert review_queue(FRAME, FLAGGED, decided).tolist() == [0]
    assert review_queue(FRAME, FLAGGED, decided, here={"B.3"}).tolist() == [2, 0]
    assert review_queue(FRAME, FLAGGED, decided, reviewed=True).tolist() == [2, 0]
