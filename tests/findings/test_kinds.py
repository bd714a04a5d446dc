"""Mislabelled and atypical as two findings, at the methods' own flags and at a moved cut-off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from planted import class_result, clusters, nearest_centre_scores, planted_dataset, score_result

from dvaudit.core.dataset import Dataset
from dvaudit.core.result import ValuationResult
from dvaudit.findings import CutBy, CutOff, at_cut_off, atypical, find, kind_of, kinds, reason_of
from dvaudit.findings.kinds import ATYPICAL_REASON, told


def _planted() -> tuple[Dataset, ValuationResult]:
    """40 samples of two classes; 4 is flipped and flagged, 10 has no label."""
    vectors, true = clusters({"three": 20, "eight": 20})
    labels = true.copy()
    labels[[4, 10]] = [1, -1]
    data = planted_dataset(vectors, labels, ("three", "eight"))
    return data, class_result(data, nearest_centre_scores(vectors, true, 2))


def _audited(marked: tuple[int, ...]) -> pd.DataFrame:
    """Findings of both methods, where the CG-score marks these samples as atypical."""
    data, result = _planted()
    column = np.where(data.labelled, np.isin(np.arange(40), marked), np.nan)
    gap = score_result(data, result.values, result.flagged, "cg-score")
    results = {"kernel-loo": result, "cg-score": replace(gap, columns={"cg_atypical": column})}
    return find(data, data.vectors, results).samples


def test_flagged_is_mislabelled_and_atypical_is_what_is_not_flagged() -> None:
    samples = _audited((4, 7, 30))
    assert samples["finding"].dropna().to_dict() == {
        4: "mislabelled", 7: "atypical", 30: "atypical"
    }  # fmt: skip


def test_the_reason_of_an_atypical_sample_says_why_to_keep_it() -> None:
    samples = _audited((4, 7))
    assert samples["reason"][7].startswith("10 of its 10 nearest samples are labelled three. ")
    assert samples["reason"][7].endswith(ATYPICAL_REASON)
    assert samples["reason"].str.contains("Atypical").sum() == 1


def test_without_the_cg_score_nothing_is_atypical() -> None:
    data, result = _planted()
    samples = find(data, data.vectors, {"kernel-loo": result}).samples
    assert samples["finding"].dropna().to_dict() == {4: "mislabelled"}
    assert not atypical(samples, np.zeros(40, dtype=bool)).any()


def test_a_moved_cut_off_moves_findings_and_reasons_and_back() -> None:
    samples = _audited((4, 7, 30))
    everything = at_cut_off(samples, CutOff(CutBy.RANK, rank=39))
    assert (everything["finding"].dropna() == "mislabelled").all()
    assert everything["finding"].notna().sum() == 39
    assert not everything["reason"].str.contains("Atypical").any()
    nothing = at_cut_off(everything, CutOff(CutBy.RANK, rank=0))
    assert nothing["finding"].dropna().to_dict() == dict.fromkeys((4, 7, 30), "atypical")
    assert nothing["reason"].str.endswith(ATYPICAL_REASON).sum() == 3
    pd.testing.assert_frame_equal(at_cut_off(samples, CutOff()), samples)


def test_an_audit_stored_without_the_column_gets_it() -> None:
    samples = _audited((7,))
    old = samples.drop(columns="finding")
    assert at_cut_off(old, CutOff()).columns.tolist() == samples.columns.tolist()


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 1.0, np.nan])), min_size=1))
def test_one_sample_is_told_as_the_table_tells_it(rows: list[tuple[bool, float]]) -> None:
    flagged = np.array([flag for flag, _ in rows])
    frame = pd.DataFrame(
        {
            "cg-score.cg_atypical": [mark for _, mark in rows],
            "reason": pd.array(["because" if flag else None for flag, _ in rows], dtype="string"),
        }
    )
    expected = ["mislabelled" if flag else "atypical" if mark == 1 else None for flag, mark in rows]
    assert kinds(frame, flagged).tolist() == expected
    for at, kind in enumerate(expected):
        assert kind_of(frame, at, flagged=bool(flagged[at])) == kind
        said = reason_of(frame, at, flagged=bool(flagged[at]))
        assert said == ("because" if flagged[at] else ATYPICAL_REASON if kind else "")


def test_telling_twice_is_telling_once() -> None:
    once = told("Close to others.", "atypical")
    assert told(once, "atypical") == once
    assert told(once, None) == "Close to others."
