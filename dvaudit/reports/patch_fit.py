"""Which samples of a dataset the rows of a patch mean, and what hinders them."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pandas as pd

from dvaudit.core.dataset import Task
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.reports.patch import Patch, PatchRow

FIT_COLUMNS: Final = (
    *("id", "outcome", "sample_id", "verdict", "old_label", "new_label", "given_label", "detail"),
)
_NUMBER = re.compile(r"0|[1-9][0-9]*")


class Outcome(StrEnum):
    """What becomes of one row of a patch."""

    APPLIED = "applied"  # the sample of this id has this content
    MOVED = "moved"  # the content is there under another id; applied to that one
    ALREADY = "already"  # the label is the new one, or the same verdict stands: nothing to do
    CONFLICT = "conflict"  # the label, or a standing verdict, is not what the patch saw
    CHANGED = "changed"  # the sample of this id has another content
    MISSING = "missing"  # neither the id nor the content is there

    @property
    def is_applied(self) -> bool:
        return self in (Outcome.APPLIED, Outcome.MOVED)

    @property
    def is_refused(self) -> bool:
        """True where a verdict of the patch is lost unless a person looks."""
        return self in (Outcome.CONFLICT, Outcome.CHANGED, Outcome.MISSING)


@dataclass(frozen=True)
class Fitted:
    """A row of a patch, what becomes of it, and the sample it means where there is one."""

    row: PatchRow
    outcome: Outcome
    sample_id: str | None
    given_label: str | None
    detail: str


@dataclass(frozen=True)
class Fit:
    """How a patch fits a dataset: one item per row of the patch, in its order."""

    items: tuple[Fitted, ...]

    @property
    def decisions(self) -> dict[str, Decision]:
        """What is applied, by sample id of the dataset."""
        found: dict[str, Decision] = {}
        for item in self.items:
            if item.outcome.is_applied and item.sample_id is not None:
                found[item.sample_id] = item.row.decision(item.sample_id)
        return found

    def counts(self) -> dict[Outcome, int]:
        """Return how many rows have each outcome, in the order of Outcome."""
        made = [item.outcome for item in self.items]
        return {outcome: made.count(outcome) for outcome in Outcome}

    def to_frame(self) -> pd.DataFrame:
        """Return one row per row of the patch, with FIT_COLUMNS."""
        rows = [
            (
                *(item.row.id, item.outcome.value, item.sample_id, item.row.verdict.value),
                *(item.row.old_label, item.row.new_label, item.given_label, item.detail),
            )
            for item in self.items
        ]
        return pd.DataFrame(rows, columns=list(FIT_COLUMNS), dtype=object)


def fit_patch(
    patch: Patch,
    ids: Sequence[str],
    hashes: Sequence[str],
    labels: Sequence[str | None],
    standing: Mapping[str, Decision] | None = None,
) -> Fit:
    """Find the sample that each row of a patch means.

    A row means the sample of its id and content, else one of its content under another id. Among
    equal contents, one whose label is what the patch saw goes first; where ids are row numbers,
    which say nothing in a newer copy, before one whose number agrees. No sample is taken twice.

    Args:
        ids, hashes, labels: (n,) of the dataset; labels are text, None where missing.
        standing: verdicts that the dataset has already, by sample id.
    """
    found = _found(patch, ids, hashes, labels)
    position = {name: at for at, name in enumerate(ids)}
    items = []
    for number, row in enumerate(patch.rows):
        at = found.get(number)
        if at is None:
            there = row.id in position
            items.append(
                Fitted(
                    row,
                    Outcome.CHANGED if there else Outcome.MISSING,
                    row.id if there else None,
                    labels[position[row.id]] if there else None,
                    "this id has another content now"
                    if there
                    else "neither this id nor its content is in the data",
                )
            )
            continue
        judged = (standing or {}).get(ids[at])
        items.append(_fitted(row, ids[at], labels[at], judged, patch.task))
    return Fit(tuple(items))


def _found(
    patch: Patch, ids: Sequence[str], hashes: Sequence[str], labels: Sequence[str | None]
) -> dict[int, int]:
    """Return the position of the sample that each row means, by number of the row."""
    exact: list[_Match] = [
        (
            lambda row: (row.id, row.hash, row.old_label),
            lambda at: (ids[at], hashes[at], labels[at]),
        ),
        (lambda row: (row.id, row.hash), lambda at: (ids[at], hashes[at])),
        (lambda row: (row.hash, row.old_label), lambda at: (hashes[at], labels[at])),
        (lambda row: row.hash, lambda at: hashes[at]),
    ]
    if all(_NUMBER.fullmatch(row.id) for row in patch.rows):
        exact[1], exact[2] = exact[2], exact[1]
    wanted = {row.hash for row in patch.rows}
    free = [at for at, digest in enumerate(hashes) if digest in wanted]
    left = list(range(len(patch.rows)))
    found: dict[int, int] = {}
    for of_row, of_sample in exact:
        offered: defaultdict[Hashable, deque[int]] = defaultdict(deque)
        for at in free:
            offered[of_sample(at)].append(at)
        for number in left:
            queue = offered.get(of_row(patch.rows[number]))
            if queue:
                found[number] = queue.popleft()
        taken = set(found.values())
        free = [at for at in free if at not in taken]
        left = [number for number in left if number not in found]
    return found


_Match = tuple[Callable[[PatchRow], Hashable], Callable[[int], Hashable]]


def _fitted(
    row: PatchRow, sample_id: str, given: str | None, judged: Decision | None, task: Task
) -> Fitted:
    if judged is not None:
        if (judged.verdict, judged.label) == (row.verdict, row.new_label):
            return Fitted(row, Outcome.ALREADY, sample_id, given, "the same verdict stands")
        told = judged.verdict.value if judged.label is None else f"relabel to {judged.label}"
        return Fitted(row, Outcome.CONFLICT, sample_id, given, f"the verdict here is {told}")
    if row.verdict is Verdict.RELABEL and _same(given, row.new_label, task):
        return Fitted(row, Outcome.ALREADY, sample_id, given, "the label is the new one already")
    if not _same(given, row.old_label, task):
        seen = "none" if row.old_label is None else row.old_label
        told = f"the patch saw the label {seen}"
        return Fitted(row, Outcome.CONFLICT, sample_id, given, told)
    if sample_id != row.id:
        return Fitted(row, Outcome.MOVED, sample_id, given, f"the content is now {sample_id}")
    return Fitted(row, Outcome.APPLIED, sample_id, given, "")


def _same(one: str | None, other: str | None, task: Task) -> bool:
    """Compare labels as people mean them: 20 and 20.0 are one target."""
    if one == other or one is None or other is None or task is not Task.REGRESSION:
        return one == other
    try:
        return float(one) == float(other)
    except ValueError:
        return False
