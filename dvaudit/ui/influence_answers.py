"""What is shown of an answer, be it on a sample that the audit knew or on a person's own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.store import RunRecord, Workspace
from dvaudit.ui import influence_data as data
from dvaudit.ui.influence_data import Scope
from dvaudit.ui.sample_facts import text_or_none
from dvaudit.ui.words import count, plain


@dataclass(frozen=True, eq=False)
class Answer:
    """Influences with the words around them.

    Attributes:
        influence: (n,) of each sample of the data; NaN where it has none.
        asked: whose loss it is, in Markdown.
        label: the class asked about; None for all samples.
        why_none: why some samples have no influence, to end a sentence with.
        key: tells answers of an audit apart.
    """

    influence: NDArray[np.float32]
    asked: str
    label: str | None
    why_none: str
    key: str


def on_known(ws: Workspace, run: RunRecord, table: pd.DataFrame, row: int, scope: Scope) -> Answer:
    """Return the answer on a row of `audits.queries_of`, on its class, or on all of them."""
    halves, label = data.in_halves(ws, run), text_or_none(table["label"].iat[row])
    one_half = halves and scope is Scope.SAMPLE
    return Answer(
        data.influence(ws, run, scope, row, label),
        _asked(table, row, scope, "sample" if halves else "trusted sample"),
        None if scope is Scope.ALL else label,
        "in the same half as the one asked about, or without a label"
        if one_half
        else "not trained on, or without a label",
        f"{scope}_{row}",
    )


def on_own(
    ws: Workspace, question: RunRecord, table: pd.DataFrame, row: int, scope: Scope
) -> Answer:
    """Return the answer on a sample of a question, on those of its class in it, or on all."""
    return Answer(
        data.own_influence(ws, question, data.members(table, scope, row)),
        _asked(table, row, scope, "sample of your own", "samples of your own"),
        None if scope is Scope.ALL else text_or_none(table["label"].iat[row]),
        "not trained on, or without a label",
        f"{question.id}_{scope}_{row}",
    )


def _asked(
    table: pd.DataFrame, row: int, scope: Scope, what: str, several: str | None = None
) -> str:
    label = plain(text_or_none(table["label"].iat[row]) or "none")
    if scope is Scope.SAMPLE:
        return f"On **{plain(str(table['id'].iat[row]))}**, label **{label}**"
    asked = count(len(data.members(table, scope, row)), what, several or f"{what}s")
    if scope is Scope.CLASS:
        return f"On class **{label}**: mean over its {asked}"
    return f"Mean over all {asked}"
