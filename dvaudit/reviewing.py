"""Use cases of a review: verdicts by several people, undone, shared out and compared."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from dvaudit.core.decisions import Assignment, Decision, Verdict
from dvaudit.core.errors import SettingsError
from dvaudit.findings.board import Board
from dvaudit.findings.raters import PairAgreement, agreements
from dvaudit.findings.sharing import share_out
from dvaudit.store import Workspace


def decide(
    ws: Workspace,
    dataset_id: str,
    sample_id: str,
    verdict: Verdict | str,
    label: str | None = None,
    *,
    reviewer: str = "",
    resolves: bool = False,
    event: str | None = None,
    seen: int | None = None,
    senders: Collection[str] | None = None,
) -> None:
    """Store a person's verdict on a sample, durably; `label` is for a relabel only.

    Args:
        resolves: it settles what reviewers had judged differently.
        event: names the action: one that comes again raises RepeatedEventError.
        seen: version of the sample that the person looked at; None for whatever is there.
        senders: the pages in a browser it comes from, whose own newer versions do not matter.

    Raises:
        OvertakenError: the same reviewer, or for one that resolves anybody, has judged the sample
            otherwise in the meantime.
    """
    ws.decide(
        dataset_id,
        sample_id,
        verdict,
        label,
        seen_version=seen,
        reviewer=reviewer,
        resolves=resolves,
        event=event,
        senders=senders,
    )


def decide_many(
    ws: Workspace,
    dataset_id: str,
    decisions: Sequence[Decision],
    *,
    reviewer: str = "",
    event: str | None = None,
    only_open: bool = False,
) -> int:
    """Store a verdict on each sample at once, to be undone at once; return how many.

    With `only_open`, samples that have a verdict keep it.
    """
    return ws.decide_many(
        dataset_id, decisions, reviewer=reviewer, event=event, only_open=only_open
    )


def undo(
    ws: Workspace, dataset_id: str, *, reviewer: str | None = None, event: str | None = None
) -> tuple[Decision, ...]:
    """Take the last action back (of `reviewer`, where given); return what was taken back."""
    return ws.undo_action(dataset_id, reviewer=reviewer, event=event)


def decisions(ws: Workspace, dataset_id: str) -> dict[str, Decision]:
    """Return the standing verdicts by sample id; where people differ, the newest."""
    return ws.decisions(dataset_id)


def bring_up_to_date(ws: Workspace, dataset_id: str, board: Board) -> Board:
    """Let a board take in what was stored since; it costs what is new."""
    board.add(ws.verdicts_since(dataset_id, board.read))
    return board


def agreement(board: Board) -> list[PairAgreement]:
    """Return how far each two reviewers with shared samples agree, those that share most first."""
    return agreements(board.opinions(), [verdict.value for verdict in Verdict])


def assign(
    ws: Workspace,
    dataset_id: str,
    sample_ids: Sequence[str],
    reviewers: Sequence[str],
    *,
    overlap: float = 0.0,
    seed: int = 0,
    made_by: str = "",
    queue: str = "",
) -> Assignment:
    """Share a queue out among reviewers, in place of what was shared out before; return it.

    Args:
        sample_ids: the queue, in the order to review.
        overlap: share of the samples that two people judge, 0 to 1, drawn by `seed`.
        made_by: who shares it out.
        queue: which queue it is, in words.

    Raises:
        SettingsError: an empty queue, or names or an overlap that cannot be.
    """
    if not len(sample_ids):
        raise SettingsError("The queue is empty, so there is nothing to share out.")
    places = share_out(len(sample_ids), reviewers, overlap, seed)
    parts = {name: [sample_ids[at] for at in part] for name, part in places.items()}
    ws.assign(dataset_id, parts, made_by=made_by, queue=queue)
    made = ws.assignment(dataset_id)
    assert made is not None
    return made


def unassign(ws: Workspace, dataset_id: str, *, made_by: str = "") -> None:
    """End what is shared out; verdicts stay."""
    ws.assign(dataset_id, {}, made_by=made_by, queue="")


def history_file(ws: Workspace, dataset_id: str) -> Path:
    """Write the whole verdict log of a dataset as JSON lines; return the file."""
    return ws.export_history(dataset_id, ws.exports / dataset_id / "verdicts.jsonl")
