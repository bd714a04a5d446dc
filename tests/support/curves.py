"""The table "curves" of a pruning run, small."""

from __future__ import annotations

import pandas as pd


def curve_table() -> pd.DataFrame:
    """Two series over two seeds, of one proxy; and a second proxy with one series."""
    rows = [
        (
            series,
            "kernel ridge",
            False,
            seed,
            removed,
            removed / 100,
            base - 0.001 * removed + seed / 50,
        )
        for series, base in (("lowest first", 0.9), ("random", 0.8))
        for seed in (0, 1)
        for removed in (0, 25, 50)
    ]
    rows += [("random", "logistic regression", True, 0, 0, 0.0, 0.7)]
    names = ["series", "proxy", "balanced", "seed", "removed", "share", "score"]
    return pd.DataFrame(rows, columns=names)
