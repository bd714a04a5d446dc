"""Regions of an embedding map: points inside a polygon, and a polygon in an address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dvaudit.findings.embedding import SIDE

MOST_VERTICES = 128
_MAP = re.compile(r"[a-z0-9]{1,16}")
_VERTEX = re.compile(r"(\d{1,5})\.(\d{1,5})")


@dataclass(frozen=True)
class Lasso:
    """A polygon drawn on a map.

    Attributes:
        map: names the map: "pca", or the run that made it.
        polygon: at least three vertices (x, y), from 0 to SIDE; the last joins the first.
    """

    map: str
    polygon: tuple[tuple[int, int], ...]


def inside(points: NDArray[Any], polygon: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    """Return (n,) which points lie inside a polygon, by the even-odd rule.

    Args:
        points: (n, 2) in the steps of the polygon; NaN lies outside.
        polygon: vertices; the last joins the first.
    """
    vertices = np.asarray(polygon, dtype=np.float64)
    found = np.zeros(len(points), dtype=bool)
    if len(vertices) < 3:
        return found
    low, high = vertices.min(0), vertices.max(0)
    x, y = points[:, 0], points[:, 1]
    near = np.flatnonzero((x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1]))
    px, py = x[near].astype(np.float64), y[near].astype(np.float64)
    odd = np.zeros(len(near), dtype=bool)
    for (x1, y1), (x2, y2) in zip(vertices, np.roll(vertices, -1, axis=0), strict=True):
        if y1 == y2:
            continue
        crossed = (y1 > py) != (y2 > py)
        odd ^= crossed & (px < (x2 - x1) * (py - y1) / (y2 - y1) + x1)
    found[near] = odd
    return found


def lasso_text(lasso: Lasso) -> str:
    """Return a lasso as short text without signs that addresses escape: "pca_120.340_130.350"."""
    return "_".join([lasso.map, *(f"{x}.{y}" for x, y in lasso.polygon)])


def read_lasso(text: str) -> Lasso | None:
    """Return the lasso of `lasso_text`, None for anything else."""
    name, *vertices = text.split("_")
    matches = [_VERTEX.fullmatch(vertex) for vertex in vertices]
    if not (_MAP.fullmatch(name) and 3 <= len(matches) <= MOST_VERTICES):
        return None
    polygon = [(int(match[1]), int(match[2])) for match in matches if match]
    whole = len(polygon) == len(matches) and all(max(vertex) <= SIDE for vertex in polygon)
    return Lasso(name, tuple(polygon)) if whole else None


def drawn(name: str, vertices: Any) -> Lasso | None:
    """Return the lasso of vertices that came from a browser, None where they make no region."""
    if not isinstance(vertices, list | tuple) or not 3 <= len(vertices) <= MOST_VERTICES:
        return None
    polygon = []
    for vertex in vertices:
        if not (isinstance(vertex, list | tuple) and len(vertex) == 2):
            return None
        if not all(isinstance(part, int | float) and part == part for part in vertex):
            return None
        x, y = (min(max(round(min(max(part, -1e6), 1e6)), 0), SIDE) for part in vertex)
        polygon.append((x, y))
    return Lasso(name, tuple(polygon)) if len(set(polygon)) >= 3 else None
