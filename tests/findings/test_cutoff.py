"""Moving the cut-off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from planted import class_result, clusters, nearest_centre_scores, planted_dataset

from dvaudit.core.dataset import Task
from dvaudit.core.errors import SettingsError
from dvaudit.core.result import ValuationResult
from dvaudit.findings import (
    CutBy,
    CutOff,
    class_table,
    classes_at,
    confusion_table,
    confusions_among,
    consensus,
    cut_at_margin,
    cut_at_rank,
    cut_at_share,
    find,
    flags,
)

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


@pytest.mark.parametrize(
    ("cut", "words"),
    [
        (CutOff(), "what the methods flag themselves"),
        (CutOff(CutBy.RANK, rank=1), "the 1 most suspicious sample"),
        (CutOff(CutBy.RANK, rank=2500), "the 2,500 most suspicious samples"),
        (CutOff(CutBy.MARGIN, margin=-0.25), "samples whose label loses to another by more than"),
    ],
)
def test_a_cut_off_says_its_rule(cut, words):
    assert cut.words().startswith(words)


def _of_classes():
    """180 samples of three classes, every ninth label wrong, one without a label."""
    vectors, true = clusters({"a": 80, "b": 60, "c": 40}, noise=0.4)
    labels = true.copy()
    labels[::9] = (labels[::9] + 1) % 3
    labels[7] = -1
    data = planted_dataset(vectors, labels, ("a", "b", "c"))
    result = class_result(data, nearest_centre_scores(vectors, true, 3))
    # A suggestion for every sample, as leave-one-out scores give one.
    other = np.array(["b", "c", "a"], dtype=object)[true]
    suggested = np.where(result.flagged, result.suggested_labels, other)
    return data, replace(result, suggested_labels=suggested)


def _of_targets():
    """120 targets, one of them missing."""
    rng = np.random.default_rng(3)
    vectors, targets = rng.standard_normal((120, 5)), rng.normal(0, 1e3, 120) / 3
    targets[5] = np.nan
    data = planted_dataset(vectors, targets, task=Task.REGRESSION)
    values = -np.abs(rng.standard_normal(120))
    values[5] = np.nan
    suggested = np.array(["0.5"] * 120, dtype=object)
    result = ValuationResult(
        "kernel-loo",
        data.ids,
        data.label_text(),
        values,
        values < -2,
        suggested_labels=suggested,
        margins=-values - 2,
    )
    return data, result


@pytest.mark.parametrize("made", [_of_classes, _of_targets])
@pytest.mark.parametrize(
    "cut",
    [
        CutOff(),
        CutOff(CutBy.RANK, rank=0),
        CutOff(CutBy.RANK, rank=40),
        CutOff(CutBy.MARGIN, margin=-0.5),
    ],
)
def test_tables_counted_again_are_those_of_an_audit_with_these_flags(made, cut):
    data, result = made()
    found = find(data, data.vectors, {"kernel-loo": result})
    moved = flags(found.samples, cut)
    agreed = replace(consensus({"kernel-loo": result}, len(data)), flagged=moved)
    samples = found.samples.assign(flagged=moved)
    pd.testing.assert_frame_equal(
        classes_at(found.classes, samples, data.task), class_table(data, agreed)
    )
    pd.testing.assert_frame_equal(
        confusions_among(samples, data.task), confusion_table(data, agreed)
    )


def test_tables_counted_again_also_from_the_stored_files(tmp_path):
    data, result = _of_classes()
    found = find(data, data.vectors, {"kernel-loo": result})
    stored = []
    for name in ("classes", "samples", "confusions"):
        getattr(found, name).to_parquet(tmp_path / name)
        stored.append(pd.read_parquet(tmp_path / name))
    classes, samples, confusions = stored
    again = classes_at(classes, samples, data.task)
    pd.testing.assert_frame_equal(again, found.classes, check_dtype=False)
    again = confusions_among(samples, data.task)
    pd.testing.assert_frame_equal(
        again.drop(columns="examples"), confusions.drop(columns="examples"), check_dtype=False
    )


def test_without_classes_there_is_nothing_to_count_again():
    data = planted_dataset(np.eye(4), np.full(4, np.nan), task=Task.REGRESSION)
    empty = class_table(data, consensus({}, 4))
    frame = pd.DataFrame({"given_label": [None] * 4, "flagged": [False] * 4})
    assert classes_at(empty, frame, data.task).empty
