"""find() on planted situations: words, tables, notes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from planted import (
    class_result,
    clusters,
    nearest_centre_scores,
    planted_dataset,
    score_result,
)

from dvaudit.core.dataset import Task
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.result import ValuationResult
from dvaudit.findings import find

NAMES = ("three", "eight", "one")


@pytest.fixture
def planted():
    """60 samples; 4 and 30 are flipped, 59 is a copy of 0 labelled otherwise, 10 has no label."""
    vectors, true = clusters({"three": 25, "eight": 20, "one": 15})
    vectors[59] = vectors[0]
    true[59] = 0
    labels = true.copy()
    labels[[4, 30, 59]] = [1, 2, 2]
    labels[10] = -1
    data = planted_dataset(vectors, labels, NAMES)
    return data, class_result(data, nearest_centre_scores(vectors, true, 3))


@pytest.fixture
def findings(planted):
    data, result = planted
    return find(data, data.vectors, {"kernel-loo": result})


def test_flips_are_flagged_first_with_their_true_label(findings):
    samples = findings.samples
    assert samples.index[samples["flagged"]].tolist() == [4, 30, 59]
    assert samples.loc[[4, 30, 59], "suggested_label"].tolist() == ["three", "eight", "three"]
    assert sorted(samples.loc[[4, 30, 59], "suspicion_rank"]) == [1, 2, 3]
    assert (samples.loc[samples["flagged"], "margin"] > 0).all()
    assert samples["suggested_label"].notna().sum() == 3


def test_the_reason_says_what_speaks_against_the_label(findings):
    reason = findings.samples["reason"][4]
    assert reason.startswith("Left out, the model says three, not eight (margin ")
    assert "of its 10 nearest samples are labelled three and none are labelled eight" in reason
    assert "the nearest sample labelled eight is at rank " in reason
    rank = int(reason.rstrip(".").split("rank ")[1])
    assert rank == findings.neighbours.same_rank[4]
    assert rank > 10


def test_reasons_of_the_others_are_short_and_neutral(findings):
    assert findings.samples["reason"][20].endswith("of its 10 nearest samples are labelled three.")
    assert findings.samples["reason"][10].startswith("It has no label; ")
    assert findings.samples["reason"][10].endswith(" nearest samples are labelled three.")


def test_a_sample_without_label_is_listed_and_not_ranked(findings):
    row = findings.samples.loc[10]
    assert pd.isna(row["suspicion_rank"])
    assert not row["flagged"]
    assert findings.notes[0] == "1 sample has no label, scored by no method: s010."


def test_duplicates_with_conflicting_labels_are_called_out(findings):
    frame = findings.duplicates
    assert frame["id"].tolist() == ["s000", "s059"]
    assert frame["kind"].tolist() == ["exact", "exact"]
    assert frame["conflict"].all()
    assert frame["keep"].tolist() == [True, False]
    assert findings.samples.loc[[0, 59], "duplicate_group"].tolist() == [1, 1]
    assert findings.samples["duplicate_conflict"].sum() == 2
    assert any("in 1 group of duplicates, 1 with conflicting" in note for note in findings.notes)


def test_class_and_confusion_tables(findings):
    classes = findings.classes.set_index("class")
    assert classes["samples"].tolist() == [23, 20, 16]
    assert classes["flagged"].tolist() == [0, 1, 2]
    assert classes.loc["one", "share_flagged"] == pytest.approx(2 / 16)
    assert classes.loc["eight", "most_confused_with"] == "three"
    assert classes["share"].sum() == pytest.approx(1)
    pairs = findings.confusions
    assert sorted(zip(pairs["given_label"], pairs["suggested_label"], strict=True)) == [
        ("eight", "three"),
        ("one", "eight"),
        ("one", "three"),
    ]
    assert pairs["samples"].tolist() == [1, 1, 1]
    example = pairs.set_index(["given_label", "suggested_label"]).loc[("one", "three"), "examples"]
    assert example == ["s059"]


def test_the_columns_come_in_the_documented_order(planted):
    data, result = planted
    partial = score_result(data, result.values, result.flagged, "cg-score")
    found = find(data, data.vectors, {"kernel-loo": result, "cg-score": partial})
    assert found.samples.columns.tolist() == [
        *("id", "given_label", "suspicion_rank", "class_rank", "flagged", "finding"),
        *("suggested_label", "margin", "reason", "duplicate_group", "duplicate_conflict"),
        "outlier",
        *("outlier_score",),
        *("kernel-loo.value", "kernel-loo.flagged", "kernel-loo.suggested_label"),
        *("kernel-loo.loo_given", "cg-score.value", "cg-score.flagged"),
    ]
    assert found.samples["id"].tolist() == list(data.ids)
    assert found.samples["suspicion_rank"].dtype == "Int64"


def test_a_flag_without_suggestion_says_what_the_neighbours_are(planted):
    data, result = planted
    found = find(
        data, data.vectors, {"cg-score": score_result(data, result.values, result.flagged, "cg")}
    )
    reason = found.samples["reason"][30]
    assert reason.startswith("The scores speak against one; none of its 10 nearest samples are")
    assert "are labelled eight; the nearest sample labelled one is at rank" in reason
    assert found.error_rate.rate is None
    assert found.samples["margin"].isna().all()


def test_a_single_sample_of_a_class_is_described_and_noted():
    vectors, codes = clusters({"a": 30, "b": 1})
    data = planted_dataset(vectors, codes, ("a", "b", "unused"))
    scores = np.column_stack([nearest_centre_scores(vectors, codes, 2), np.full(31, -2.0)])
    found = find(data, vectors, {"kernel-loo": class_result(data, scores)})
    assert found.samples["reason"][30] == (
        "The only sample labelled b, so nothing else supports its label."
    )
    assert found.classes["note"].tolist() == [
        "",
        "A single sample: nothing can confirm or refute its label.",
        "No sample has this label.",
    ]
    assert any("1 class has fewer than 5 samples" in note for note in found.notes)


def test_one_class_has_no_error_rate():
    vectors, codes = clusters({"a": 30})
    data = planted_dataset(vectors, codes, ("a",))
    found = find(
        data, vectors, {"cg-score": score_result(data, np.arange(30.0), codes > 0, "cg-score")}
    )
    assert found.error_rate.rate is None
    assert not found.samples["flagged"].any()
    assert found.confusions.empty
    assert found.samples["reason"][0] == "10 of its 10 nearest samples are labelled a."


def test_regression_is_told_in_numbers():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((80, 6))
    targets = np.round(100 + 10 * vectors[:, 0], 2)
    targets[7], targets[9] = 870.0, np.nan
    data = planted_dataset(vectors, targets, task=Task.REGRESSION)
    flagged = np.arange(80) == 7
    result = ValuationResult(
        "kernel-loo",
        data.ids,
        data.label_text(),
        np.where(np.isnan(targets), np.nan, -np.abs(targets - 100)),
        flagged,
        np.where(flagged, "101.3", None),
        np.where(np.isnan(targets), np.nan, np.abs(targets - 100) / 10 - 3),
    )
    found = find(data, vectors, {"kernel-loo": result})
    reason = found.samples["reason"][7]
    assert reason.startswith("Left out, the model predicts 101.3, not 870; its 10 nearest samples")
    assert "(median " in reason
    assert found.samples["reason"][9].startswith("It has no target; ")
    assert "agrees with the prediction" in found.samples["reason"][0]
    assert len(found.classes) == 4
    assert found.classes["samples"].sum() == 79
    assert found.classes["flagged"].sum() == 1
    assert found.classes["class"].iloc[3].endswith(" to 870")
    assert found.error_rate.rate is None
    assert "1 of 79 targets are flagged" in found.error_rate.how
    assert found.confusions.empty


def test_regression_with_one_target_has_one_range():
    data = planted_dataset(np.eye(3), np.full(3, 2.5), task=Task.REGRESSION)
    found = find(data, data.vectors, {})
    assert found.classes["class"].tolist() == ["2.5"]
    assert found.classes["samples"].tolist() == [3]


def test_without_labels_duplicates_and_outliers_remain():
    vectors, _ = clusters({"a": 30})
    vectors[5] = vectors[3]
    data = planted_dataset(vectors, None, task=Task.UNSUPERVISED)
    found = find(data, vectors, {})
    assert found.duplicates["id"].tolist() == ["s003", "s005"]
    assert found.classes.empty
    assert found.samples["reason"][0] == "The dataset has no labels to check."
    assert found.samples["suspicion_rank"].isna().all()


def test_one_sample():
    data = planted_dataset(np.ones((1, 3)), np.array([0]), ("a",))
    found = find(data, data.vectors, {})
    assert found.samples["outlier_score"].isna().all()
    assert found.notes[-1] == "1 sample is too few to call any an outlier."


def test_the_error_rate_of_planted_flips():
    vectors, true = clusters({str(c): 300 for c in range(5)}, noise=0.2)
    rng = np.random.default_rng(1)
    labels = np.where(rng.random(1500) < 0.12, (true + rng.integers(1, 5, 1500)) % 5, true)
    data = planted_dataset(vectors, labels, tuple("01234"))
    result = class_result(data, nearest_centre_scores(vectors, true, 5))
    found = find(data, vectors, {"kernel-loo": result})
    assert found.error_rate.rate == pytest.approx((labels != true).mean(), abs=0.04)
    assert found.confusions["samples"].sum() == found.samples["flagged"].sum()


def test_results_of_another_dataset_are_refused(planted):
    data, result = planted
    with pytest.raises(UnsuitableDataError, match=r"60 samples, but the feature matrix has 59"):
        find(data, data.vectors[:59], {"kernel-loo": result})


def test_progress_runs_from_0_to_1(planted):
    data, result = planted
    seen = []
    find(data, data.vectors, {"kernel-loo": result}, progress=lambda share, _: seen.append(share))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_importing_findings_and_reports_is_light():
    script = (
        "import sys, dvaudit.findings, dvaudit.reports;"
        "sys.exit(any(name in sys.modules for name in ('torch', 'sklearn', 'streamlit')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
