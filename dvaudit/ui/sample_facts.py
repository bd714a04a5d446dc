"""What is known of one sample, as text ready for the screen; no Streamlit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.dataset import Task
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.findings.agreement import NORMAL_95
from dvaudit.ui.ranking import numbers, value_columns

VERDICT_WORDS = {
    Verdict.KEEP: "kept",
    Verdict.RELABEL: "relabelled",
    Verdict.DROP: "dropped",
    Verdict.UNSURE: "unsure",
}
MOST_COLUMNS = 60
LONGEST_CELL = 600
NOTHING = "-"


def given_label(frame: pd.DataFrame, position: int) -> str | None:
    """Return the label a sample came with, None where it is missing."""
    return text_or_none(frame["given_label"].iat[position])


def suggested_label(frame: pd.DataFrame, position: int) -> str | None:
    """Return the label the methods suggest, None where there is none or it is the given one."""
    found = text_or_none(frame["suggested_label"].iat[position])
    return None if found == given_label(frame, position) else found


def short_label(label: str | None, task: Task | None) -> str | None:
    """Return a label as it is shown: a target of regression in six significant digits."""
    if label is None or task is not Task.REGRESSION:
        return label
    try:
        return cell_text(float(label))
    except ValueError:
        return label


def text_or_none(value: Any) -> str | None:
    """Return a cell as text; None where it is missing or empty."""
    return None if _missing(value) or value == "" else str(value)


def number_text(value: Any) -> str:
    """Return a number with four significant digits, a dash where it is missing."""
    if _missing(value):
        return NOTHING
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{int(value):,}"
    if isinstance(value, float | np.floating):
        return f"{float(value):.4g}"
    return str(value)


def method_table(frame: pd.DataFrame, position: int) -> pd.DataFrame:
    """Return each method's own columns (`NAME.<column>`) for one sample, one row per quantity."""
    rows = []
    for name in frame.columns:
        method, dot, quantity = str(name).partition(".")
        if dot:
            rows.append(
                (method, quantity.replace("_", " "), number_text(frame[name].iat[position]))
            )
    return pd.DataFrame(rows, columns=["Method", "Quantity", "Value"])


def value_table(frame: pd.DataFrame, position: int) -> pd.DataFrame:
    """Return one sample's value by each method, its 95% interval, and its rank among all.

    Rank 1 has the lowest value, the least useful sample; equal values share the better place.
    """
    rows = []
    for column in value_columns(frame):
        method = column.removesuffix(".value")
        values = numbers(frame, column)
        value = values[position]
        if not np.isfinite(value):
            rows.append((method, NOTHING, NOTHING, NOTHING))
            continue
        width = NORMAL_95 * numbers(frame.iloc[[position]], f"{method}.std_error")[0]
        interval = NOTHING
        if np.isfinite(width):
            interval = f"{number_text(value - width)} to {number_text(value + width)}"
        rank = int((values < value).sum()) + 1
        of_all = f"{rank:,} of {int(np.isfinite(values).sum()):,}"
        rows.append((method, number_text(value), interval, of_all))
    return pd.DataFrame(rows, columns=["Method", "Value", "95% interval", "Rank"])


def class_order(
    scores: NDArray[np.floating], names: Sequence[str], given: str | None, most: int
) -> list[int]:
    """Return the classes to show of one sample: the highest scores first, the given one always."""
    order = [int(at) for at in np.argsort(-scores, kind="stable") if np.isfinite(scores[at])]
    shown = order[:most]
    own = list(names).index(given) if given is not None and given in names else -1
    if own in order and own not in shown:
        shown[-1] = own
    return shown


def feature_names(table: pd.DataFrame) -> list[str]:
    """Return the columns of a dataset that are shown of one sample: the first few dozen."""
    return [str(name) for name in table.columns[:MOST_COLUMNS]]


def cells(table: pd.DataFrame, position: int) -> list[str]:
    """Return one sample's cells for `feature_names`, long texts shortened."""
    row = [table.iloc[position, column] for column in range(min(table.shape[1], MOST_COLUMNS))]
    return [_shortened(cell_text(value)) for value in row]


def cell_text(value: Any) -> str:
    """Return a cell of the dataset as text: six significant digits, all whole ones of more."""
    if isinstance(value, float | np.floating) and not _missing(value):
        number = float(value)
        whole = abs(number) < 1e15 and (number.is_integer() or abs(number) >= 1e5)
        return f"{number:.0f}" if whole else f"{number:.6g}"
    return NOTHING if _missing(value) else str(value)


def comparison(
    table: pd.DataFrame, position: int, others: Iterable[tuple[str, int]]
) -> pd.DataFrame:
    """Return one row per column of the dataset: the sample beside `others` (heading, position)."""
    names = feature_names(table)
    columns: dict[str, Sequence[str]] = {"Column": names, "This sample": cells(table, position)}
    columns.update({heading: cells(table, other) for heading, other in others})
    return pd.DataFrame(columns)


def verdict_text(decision: Decision | None) -> str:
    """Return a verdict in one or two words, empty for none."""
    if decision is None:
        return ""
    words = VERDICT_WORDS[decision.verdict]
    return f"{words} to {decision.label}" if decision.label is not None else words


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (value != value)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"
