"""Which samples are asked about, and in which order; no Streamlit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.cut_off import CutOff
from dvaudit.core.decisions import Decision
from dvaudit.findings.agreement import rank_shares
from dvaudit.findings.board import Board
from dvaudit.ui.ranking import SUSPICION, numbers, value_columns

Positions = NDArray[np.int64]
Marks = NDArray[np.bool_]
_BY_CHANCE = "random.value"


class Kind(StrEnum):
    """Where a queue comes from."""

    SUSPICION = "suspicion"
    DISAGREEMENT = "disagreement"
    CLASS = "class"
    SELECTION = "selection"
    AUDIT = "audit"
    MINE = "mine"
    SECOND = "second"
    CONFLICTS = "conflicts"


BLIND = (Kind.MINE, Kind.SECOND)  # what others said would sway a second opinion


@dataclass(frozen=True, eq=False)
class Queue:
    """A queue as it was opened; what changes with each verdict is worked out in `state_of`.

    Attributes:
        order: positions to review, in order, reviewed ones among them. Empty for CONFLICTS and
            SECOND, which the verdicts make.
        ranks: (n,) suspicion ranks, NaN where a sample is not ranked.
        flagged: (n,) samples above the cut-off.
        counted: (n,) samples that the progress counts; None for all of the queue.
        reviewed: also show those that count as reviewed.
        every: goes on past the flagged.
        given: the class of Kind.CLASS.
        basis: the cut-off, and how many are drawn at random; with others it is another queue.
    """

    kind: Kind
    order: Positions
    ranks: NDArray[np.float64]
    flagged: Marks
    counted: Marks | None = None
    reviewed: bool = False
    every: bool = False
    given: str = ""
    basis: tuple[CutOff | None, int] = (None, 0)

    def name(self, reviewer: str) -> str:
        """Return what tells this queue from others, however many of its samples are shown."""
        return "/".join([self.kind, self.given, reviewer if self.kind in BLIND else ""])

    def opening(self, reviewer: str) -> str:
        """Return what differs when a queue is opened anew: its name, and what of it is shown."""
        return f"{self.name(reviewer)}/{self.every:d}{self.reviewed:d}"


@dataclass(frozen=True, eq=False)
class State:
    """A queue at this moment.

    Attributes:
        order: positions that are shown, in order.
        judged: (n,) samples that count as reviewed in this queue.
        done, total: reviewed and all samples that count.
    """

    order: Positions
    judged: Marks
    done: int
    total: int
    counted: Marks | None = field(default=None)

    def counts(self, position: int) -> bool:
        """Return whether the progress counts a sample."""
        return self.counted is None or bool(self.counted[position])


def by_suspicion(ranks: NDArray[np.float64], flagged: Marks, *, every: bool) -> Positions:
    """Return the flagged samples, most suspicious first, and after them, with `every`, the rest.

    Samples without a rank are never asked about.
    """
    positions = np.flatnonzero(np.isfinite(ranks) & (flagged | every))
    return positions[np.lexsort((ranks[positions], ~flagged[positions]))]


def spread(values: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return (n,) by how much of all samples the methods' ranks of a sample lie apart, 0 to 1.

    NaN where fewer than two methods scored the sample, or fewer than two are given.
    """
    if len(values) < 2:
        return np.full(len(next(iter(values.values()), ())), np.nan)
    low, high, scored = None, None, None
    for column in values.values():
        shares = rank_shares(column)
        known = np.isfinite(shares).astype(np.int8)
        low = shares if low is None else np.fmin(low, shares)
        high = shares if high is None else np.fmax(high, shares)
        scored = known if scored is None else scored + known
    assert low is not None
    assert high is not None
    assert scored is not None
    return np.where(scored > 1, high - low, np.nan)


def by_disagreement(frame: pd.DataFrame, ranks: NDArray[np.float64]) -> Positions:
    """Return the ranked samples on which the methods differ, the largest spread first."""
    names = [name for name in value_columns(frame) if name != _BY_CHANCE]
    apart = spread({name: numbers(frame, name) for name in names})
    if not len(apart):
        return np.zeros(0, dtype=np.int64)
    positions = np.flatnonzero(np.isfinite(apart) & np.isfinite(ranks) & (apart > 0))
    return positions[np.lexsort((ranks[positions], -apart[positions]))]


def state_of(queue: Queue, board: Board, reviewer: str, here: Collection[int]) -> State:
    """Return what a queue comes to, with the verdicts there are.

    Args:
        here: positions decided since the queue was opened: they stay, so that one can go back.
    """
    n = len(queue.ranks)
    stay = np.fromiter(here, dtype=np.int64, count=len(here))
    order = queue.order
    if queue.kind is Kind.CONFLICTS:
        open_ones = board.conflicts()
        settled = stay[board.standing()[stay] > 0]
        order = _ranked(np.union1d(open_ones, settled), queue.ranks)
        judged = np.ones(n, dtype=bool)
        judged[open_ones] = False
    elif queue.kind in BLIND:
        judged = np.zeros(n, dtype=bool)
        judged[board.judged_by(reviewer)] = True
        if queue.kind is Kind.SECOND:
            order = _ranked(board.judged_by_others(reviewer), queue.ranks)
    else:
        judged = board.standing() > 0
    counted = order if queue.counted is None else order[queue.counted[order]]
    done = int(judged[counted].sum())
    if not queue.reviewed:
        left = ~judged
        left[stay] = True
        order = order[left[order]]
    return State(order, judged, done, len(counted), queue.counted)


def shown_verdict(queue: Queue, board: Board, reviewer: str, position: int) -> Decision | None:
    """Return the verdict that a queue shows on a sample: None makes it one to judge."""
    if queue.kind in BLIND:
        return board.opinion(reviewer, position)
    if queue.kind is Kind.CONFLICTS and board.in_conflict(position):
        return None
    return board.in_force(position)


def _ranked(positions: Positions, ranks: NDArray[np.float64]) -> Positions:
    """Return positions, the most suspicious first, those without a rank last."""
    return positions[np.argsort(ranks[positions], kind="stable")]


def ranks_of(frame: pd.DataFrame) -> NDArray[np.float64]:
    """Return (n,) suspicion ranks of a findings table; NaN where a sample is not ranked."""
    return numbers(frame, SUSPICION)
