"""Parts of a dataset that were valued apart, put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.trace import Trace
from dvaudit.valuators.base import Scores


def merged(
    found: Sequence[tuple[NDArray[np.int64], Scores, tuple[str, ...]]],
) -> tuple[NDArray[np.int64], Scores, tuple[str, ...]]:
    """Return parts that were valued apart as one, in dataset order."""
    if len(found) == 1:
        return found[0]
    rows = np.concatenate([part[0] for part in found])
    order = np.argsort(rows)
    first = found[0][1]

    def together(pieces: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
        present = [piece for piece in pieces if piece is not None]
        if len(present) < len(pieces):
            return None
        return np.concatenate(present)[order]

    parts = [part[1] for part in found]
    values = together([scores.values for scores in parts])
    assert values is not None
    columns = {key: together([scores.columns[key] for scores in parts]) for key in first.columns}
    merged = Scores(
        values=values,
        flagged=together([scores.flagged for scores in parts]),
        std_errors=together([scores.std_errors for scores in parts]),
        columns={key: column for key, column in columns.items() if column is not None},
        status=first.status,
        warnings=_all_warnings([scores.warnings for scores in parts]),
        stats={**first.stats, "parts": [dict(scores.stats) for scores in parts]},
        tables={name: _stacked(parts, name) for name in first.tables},
        trace=_merged_trace([scores.trace for scores in parts], order),
        **_merged_arrays(parts, order),
    )
    return rows[order], merged, found[0][2]


def _all_warnings(parts: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return what all parts warn of, then what single ones do, each with its part."""
    common = [text for text in parts[0] if all(text in part for part in parts[1:])]
    single = [
        f"In half {index} of {len(parts)}: {text}"
        for index, part in enumerate(parts, 1)
        for text in part
        if text not in common
    ]
    return (*common, *single)


def _merged_arrays(parts: Sequence[Scores], order: NDArray[np.int64]) -> dict[str, Any]:
    """Return the arrays of all parts; "part" and "query_part" say whose space a row is in."""
    if any(not scores.arrays for scores in parts):
        return {}
    owners = np.repeat(np.arange(len(parts)), [len(scores.values) for scores in parts])
    arrays: dict[str, NDArray[Any]] = {
        name: _one_below_another([scores.arrays[name] for scores in parts])[order]
        for name in parts[0].arrays
    }
    arrays["part"] = owners[order].astype(np.float32)[:, None]
    others = {
        name: _one_below_another([scores.other_arrays[name] for scores in parts])
        for name in parts[0].other_arrays
        if all(name in scores.other_arrays for scores in parts)
    }
    if "query_rows" in others:
        counts = [len(scores.other_arrays["query_rows"]) for scores in parts]
        others["query_part"] = np.repeat(np.arange(len(parts)), counts)
    return {"arrays": arrays, "other_arrays": others}


def _one_below_another(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return rows of all arrays, zeros at the end of those that are shorter than others.

    Halves of few samples differ in their components, and so in the lengths of their nets.
    """
    longest = np.max([array.shape[1:] for array in arrays], axis=0)
    return np.concatenate(
        [
            array
            if array.shape[1:] == tuple(longest)
            else np.pad(array, [(0, 0), *((0, more) for more in longest - array.shape[1:])])
            for array in arrays
        ]
    )


def _stacked(parts: Sequence[Scores], name: str) -> pd.DataFrame:
    frames = [scores.tables[name].assign(part=index) for index, scores in enumerate(parts)]
    return pd.concat(frames, ignore_index=True)


def _merged_trace(traces: Sequence[Trace | None], order: NDArray[np.int64]) -> Trace | None:
    present = [trace for trace in traces if trace is not None]
    if len(present) < len(traces) or not present:
        return None
    length = min(len(trace.points) for trace in present)
    first = present[0]
    values = np.concatenate([trace.values[:length] for trace in present], axis=1)[:, order]
    losses = np.mean([trace.losses[:length] for trace in present], axis=0)
    return Trace(first.points[:length], values, first.unit, first.additive, losses)
