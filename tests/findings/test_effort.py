"""How long neighbours and features take: in proportion, and never none for real work."""

from __future__ import annotations

import pytest

from dvaudit.core.machine import Machine
from dvaudit.features import extraction_seconds, extractors
from dvaudit.findings import neighbour_seconds
from dvaudit.findings.forest import EXACT_ROWS

MACHINE = Machine(2, 1 << 34, 1e11)


def test_neighbours_grow_with_the_pairs_and_far_slower_in_a_forest() -> None:
    few, many = (neighbour_seconds(n, 4096, MACHINE) for n in (1000, 2000))
    assert many == pytest.approx(4 * few)
    assert neighbour_seconds(EXACT_ROWS + 1, 512, MACHINE) < neighbour_seconds(
        EXACT_ROWS, 512, MACHINE
    )


def test_every_extractor_of_the_package_has_a_time() -> None:
    for name in extractors():
        seconds = extraction_seconds(name, 1000, MACHINE)
        assert seconds is not None
        assert (seconds > 0) is (name != "vectors")
    assert extraction_seconds("somebody's own", 1000, MACHINE) is None
