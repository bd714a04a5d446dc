"""The figures behind the Pruning page."""

from __future__ import annotations

import pandas as pd
import pytest

from dvaudit.findings.pruning import Series
from dvaudit.ui.pruning_maths import Span, change_text, loss_at, part_table


def test_a_cut_is_compared_within_each_seed() -> None:
    rows = []
    for seed, shift in enumerate((0.0, 0.3)):
        for removed, low, chance in ((0, 0.5, 0.5), (10, 0.55, 0.45)):
            common = {"seed": seed, "offset": 0, "removed": removed, "share": removed / 20}
            rows.append({"series": "lowest first", "score": low + shift + 0.01 * seed, **common})
            rows.append({"series": "random", "score": chance + shift, **common})
    loss = loss_at(pd.DataFrame(rows), Series.LOWEST, 1)
    assert (loss.removed, loss.share) == (10, 0.5)
    assert loss.change.low == pytest.approx(0.05)
    assert loss.change.high == pytest.approx(0.06)
    assert loss.lead.mean == pytest.approx(0.105)
    assert change_text(loss.lead, classes=True) == "+10.5 points (+10.0 to +11.0)"
    assert change_text(Span(-0.5, -0.5, -0.5), classes=False) == "-0.500"
    nan = float("nan")
    assert change_text(Span(nan, nan, nan), classes=True) == "unknown"


def test_parts_compare_with_all_samples() -> None:
    rows = [
        {"series": series, "seed": seed, "offset": 0, "removed": removed, "name": name,
         "lost": removed / 10, "score": 0.9 - removed / 100 - 0.02 * seed, "held_out": 4}
        for series in ("lowest first", "random")
        for seed in (0, 1)
        for removed in (0, 5)
        for name in ("a", "b")
    ]  # fmt: skip
    parts = pd.DataFrame(rows)
    loss = loss_at(parts[parts["name"] == "a"].assign(share=0.5), Series.LOWEST, 1)
    table = part_table(parts, parts, Series.LOWEST, loss)
    assert table["name"].tolist() == ["a", "b"]
    assert table["lost"].tolist() == [0.5, 0.5]
    assert table["full"].tolist() == pytest.approx([0.89, 0.89])
    assert table["change"].tolist() == pytest.approx([-0.05, -0.05])
