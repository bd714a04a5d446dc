"""Points inside a region of a map, against the obvious loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvaudit.findings.embedding import SIDE
from dvaudit.ui.map_regions import MOST_VERTICES, Lasso, drawn, inside, lasso_text, read_lasso

steps = st.integers(0, 30)
polygons = st.lists(st.tuples(steps, steps), min_size=3, max_size=9)


def slow_inside(point: tuple[int, int], polygon: list[tuple[int, int]]) -> bool:
    """Count the edges that a ray to the right crosses."""
    x, y = point
    crossings = 0
    for at in range(len(polygon)):
        (x1, y1), (x2, y2) = polygon[at], polygon[(at + 1) % len(polygon)]
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            crossings += 1
    return crossings % 2 == 1


def on_edge(point: tuple[int, int], polygon: list[tuple[int, int]]) -> bool:
    x, y = point
    for at in range(len(polygon)):
        (x1, y1), (x2, y2) = polygon[at], polygon[(at + 1) % len(polygon)]
        along = (x2 - x1) * (y - y1) == (y2 - y1) * (x - x1)
        if along and min(x1, x2) <= x <= max(x1, x2) and min(y1, y2) <= y <= max(y1, y2):
            return True
    return False


@given(st.lists(st.tuples(steps, steps), min_size=1, max_size=20), polygons)
def test_points_inside_a_polygon(
    points: list[tuple[int, int]], polygon: list[tuple[int, int]]
) -> None:
    found = inside(np.array(points, dtype=np.uint16), polygon)
    for point, answer in zip(points, found, strict=True):
        if not on_edge(point, polygon):
            assert answer == slow_inside(point, polygon)


def test_a_star_leaves_its_notch_out() -> None:
    notched = [(0, 0), (10, 0), (10, 10), (5, 2), (0, 10)]
    points = np.array([[5, 1], [5, 5], [1, 5], [9, 5], [20, 5]])
    assert inside(points, notched).tolist() == [True, False, True, True, False]


@given(st.lists(st.tuples(st.integers(0, SIDE), st.integers(0, SIDE)), min_size=3, max_size=40))
def test_a_lasso_comes_back_from_its_text(polygon: list[tuple[int, int]]) -> None:
    lasso = Lasso("r0012", tuple(polygon))
    assert read_lasso(lasso_text(lasso)) == lasso


@pytest.mark.parametrize(
    "vertices",
    [
        None,
        "pca",
        [[1, 2], [3, 4]],
        [[1, 2], [3, 4], [5]],
        [[1, 2], [3, 4], ["5", 6]],
        [[1, 2], [3, 4], [float("nan"), 6]],
        [[1, 2]] * 5,
        [[at, at] for at in range(MOST_VERTICES + 1)],
    ],
)
def test_what_is_no_region_is_refused(vertices: object) -> None:
    assert drawn("pca", vertices) is None


def test_vertices_are_brought_onto_the_map() -> None:
    region = drawn("pca", [[-5, 1.6], [1e30, 3], [7, float("inf")]])
    assert region == Lasso("pca", ((0, 2), (SIDE, 3), (7, SIDE)))
