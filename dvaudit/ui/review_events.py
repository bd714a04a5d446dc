"""What the review component reports, checked and carried out; no Streamlit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pandas as pd

from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import DvauditError, SettingsError


class Actions(Protocol):
    """What a verdict does; the app passes the use cases of `dvaudit.audits`."""

    def decide(self, sample_id: str, verdict: Verdict, label: str | None) -> None: ...

    def undo(self) -> Decision | None: ...


@dataclass(frozen=True)
class Progress:
    """Where a review stands after some events.

    Attributes:
        ack: number of the last event that was applied or refused.
        anchor: position the person is at, None where no event says.
        here: ids that were decided or undone since the queue was opened.
        jump: position of a sample whose verdict was taken back from an earlier visit.
        jumps: how many jumps there were.
        error: the last refusal, one line.
    """

    ack: int = 0
    anchor: int | None = None
    here: frozenset[str] = frozenset()
    jump: int | None = None
    jumps: int = 0
    error: str | None = None


def apply(
    events: Any, progress: Progress, frame: pd.DataFrame, classes: Sequence[str], act: Actions
) -> Progress:
    """Carry out the events with a number above `progress.ack`, in order of number.

    The browser is not trusted: an event that names no sample, verdict or label of the dataset is
    refused, and the events after it still count.

    Args:
        events: what the component sent.
        frame: one row per sample with its `id`.
        classes: class names; empty for regression, where a label is any finite number.
    """
    after = replace(progress, error=None)
    for event in _numbered(events):
        if event["seq"] <= after.ack:
            continue
        after = replace(after, ack=event["seq"])
        try:
            after = _one(event, after, frame, classes, act)
        except DvauditError as refusal:
            after = replace(after, error=str(refusal))
    return after


def _numbered(events: Any) -> list[dict[str, Any]]:
    listed = events if isinstance(events, list) else []
    sound = [
        event for event in listed if isinstance(event, dict) and isinstance(event.get("seq"), int)
    ]
    return sorted(sound, key=lambda event: int(event["seq"]))


def _one(
    event: dict[str, Any],
    before: Progress,
    frame: pd.DataFrame,
    classes: Sequence[str],
    act: Actions,
) -> Progress:
    kind = event.get("kind")
    if kind == "undo":
        return _undo(event, before, frame, act)
    position = _position(event.get("position"), len(frame))
    if kind == "at":
        return replace(before, anchor=position)
    if kind != "decide":
        raise SettingsError(f"The review sent an unknown event, {kind!r}. Reload the page.")
    sample_id = str(frame["id"].iat[position])
    decision = _decision(sample_id, event, classes)
    act.decide(decision.sample_id, decision.verdict, decision.label)
    return replace(before, anchor=position, here=before.here | {sample_id})


def _undo(event: dict[str, Any], before: Progress, frame: pd.DataFrame, act: Actions) -> Progress:
    undone = act.undo()
    if undone is None:
        raise SettingsError("There is no verdict left to take back.")
    after = replace(before, here=before.here | {undone.sample_id})
    position = frame.index[frame["id"] == undone.sample_id]
    if len(position) == 0:
        return after
    at = int(position[0])
    if event.get("position") == at:
        return replace(after, anchor=at)
    return replace(after, anchor=at, jump=at, jumps=before.jumps + 1)


def _position(value: Any, samples: int) -> int:
    if not isinstance(value, int) or not 0 <= value < samples:
        raise SettingsError(f"The review named sample {value!r} of {samples:,}. Reload the page.")
    return value


def _decision(sample_id: str, event: dict[str, Any], classes: Sequence[str]) -> Decision:
    try:
        verdict = Verdict(str(event.get("verdict")))
    except ValueError as error:
        raise SettingsError(
            f"{event.get('verdict')!r} is no verdict; choose one of {', '.join(Verdict)}."
        ) from error
    if verdict is not Verdict.RELABEL:
        return Decision(sample_id, verdict)
    return Decision(sample_id, verdict, checked_label(event.get("label"), classes))


def checked_label(label: Any, classes: Sequence[str]) -> str:
    """Return a label given from outside if the dataset can hold it.

    Raises:
        SettingsError: no class of this name; for regression (no classes), no finite number.
    """
    if classes:
        if label not in classes:
            raise SettingsError(f"There is no class {label!r}; choose one of the list.")
        return str(label)
    try:
        number = float(label)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise SettingsError(f"{label!r} is no number; give the new label as a number.")
    return str(label).strip()
