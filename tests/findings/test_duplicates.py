"""Exact and near duplicates, their groups, conflicts and the copy to keep."""

from __future__ import annotations

import numpy as np
import pytest

from dvaudit.findings import duplicates, nearest


def cloud(n, d, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def test_equal_content_is_grouped_in_order_of_the_first_member():
    groups = duplicates.exact(["b", "a", "c", "a", "b", "a"])
    assert groups.group.tolist() == [1, 2, 0, 2, 1, 2]
    assert groups.count == 2
    assert groups.exact.tolist() == [True, True, False, True, True, True]


def test_no_samples_make_no_groups():
    assert duplicates.exact([]).count == 0


def test_near_copies_are_found_and_form_a_chain():
    matrix = cloud(200, 40)
    step = 0.01 * np.linalg.norm(matrix[0]) * np.eye(40)[1]
    matrix = np.vstack([matrix, matrix[0] + step, matrix[0] + 2 * step])
    groups = duplicates.near(nearest(matrix), threshold=0.015)
    assert np.flatnonzero(groups.group).tolist() == [0, 200, 201]
    assert groups.count == 1
    assert not groups.exact.any()


@pytest.mark.parametrize("d", [2, 3, 10, 60])
def test_random_points_are_not_full_of_near_duplicates(d):
    n = 1500
    found = nearest(cloud(n, d))
    groups = duplicates.near(found)
    assert (groups.group > 0).sum() <= 12, "chance alone makes less than one pair on average"


def test_planted_near_copies_are_found_under_the_datas_own_threshold():
    matrix = cloud(1000, 50)
    copies = matrix[:30] * (1 + 0.01 * cloud(30, 50, seed=1))
    groups = duplicates.near(nearest(np.vstack([matrix, copies])))
    assert groups.count == 30
    assert (groups.group[:30] == groups.group[1000:]).all()


def test_the_threshold_survives_data_made_of_copies():
    assert duplicates.near_threshold(nearest(np.ones((50, 3)))) == duplicates.ROUNDING


def test_a_few_samples_are_duplicates_only_when_equal():
    matrix = np.array([[1.0, 0.0], [1.0, 0.05], [0.0, 1.0], [2.0, 0.0]])
    assert duplicates.near(nearest(matrix)).group.tolist() == [1, 0, 0, 1]


def test_exact_and_near_copies_share_a_group_and_keep_their_kind():
    matrix = cloud(100, 20)
    matrix[1] = matrix[0]
    matrix[2] = matrix[0] * (1 + 0.002 * cloud(1, 20, seed=2)[0])
    hashes = ["same", "same", *(f"h{i}" for i in range(98))]
    groups = duplicates.grouped(hashes, nearest(matrix))
    assert groups.group[:3].tolist() == [1, 1, 1]
    assert groups.exact[:3].tolist() == [True, True, False]


def test_equal_content_is_grouped_whatever_its_vectors():
    groups = duplicates.grouped(["x", "y", "x"], nearest(np.eye(3)))
    assert groups.group.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([0, 1, 2, 2]), [True, True, False, False]),
        (np.array([0, -1, 2, 2]), [False] * 4),
        (np.array([1.0, 9.0, 5.0, 5.01]), [True, True, False, False]),
        (np.array([np.nan, 9.0, 5.0, 7.0]), [False, False, True, True]),
        (None, [False] * 4),
    ],
)
def test_conflicting_labels(labels, expected):
    assert duplicates.conflicts(np.array([1, 1, 2, 2]), labels).tolist() == expected


def test_the_copy_to_keep_is_the_first_labelled_or_in_conflict_the_least_suspicious():
    groups = duplicates.exact(["a", "a", "b", "b", "b"])
    conflict = np.array([True, True, False, False, False])
    labels = np.array(["x", "y", None, "z", "z"], dtype=object)
    table = duplicates.table(
        groups, conflict, list("01234"), labels, np.array([1.0, 4.0, np.nan, 2.0, 3.0])
    )
    assert table["id"].tolist() == list("01234")
    assert table["kind"].unique().tolist() == ["exact"]
    assert table["keep"].tolist() == [False, True, False, True, False]
    assert table.groupby("group")["keep"].sum().tolist() == [1, 1]
