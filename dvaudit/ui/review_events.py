"""What the review component reports, checked and carried out; no Streamlit."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pandas as pd

from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import DvauditError, SettingsError
from dvaudit.store import RepeatedEventError

_ID = re.compile(r"[0-9a-z-]{8,64}")


class Actions(Protocol):
    """What a verdict does; the app passes the workspace.

    Both raise RepeatedEventError for an event that was carried out before, in whatever session.
    """

    def decide(self, sample_id: str, verdict: Verdict, label: str | None, event: str) -> None: ...

    def undo(self, event: str) -> Decision | None: ...


@dataclass(frozen=True)
class Progress:
    """Where a review stands after some events.

    Attributes:
        ack: ids of the last report's events: each was applied or refused.
        anchor: position the person is at, None where no event says.
        here: ids that were decided or undone since the queue was opened.
        jump: position of a sample whose verdict was taken back from an earlier visit.
        jumps: how many jumps there were.
        error: the last refusal, one line.
    """

    ack: tuple[str, ...] = ()
    anchor: int | None = None
    here: frozenset[str] = frozenset()
    jump: int | None = None
    jumps: int = 0
    error: str | None = None


def apply(
    events: Any, progress: Progress, frame: pd.DataFrame, classes: Sequence[str], act: Actions
) -> Progress:
    """Carry out the events that are new, in the order they come.

    A report holds every event the browser has had no answer to, so those of the last report come
    again and are passed over; the store knows those of earlier sessions. The browser is not
    trusted: an event that names no sample, verdict or label of the dataset is refused, and the
    events after it still count.

    Args:
        events: what the component sent.
        frame: one row per sample with its `id`.
        classes: class names; empty for regression, where a label is any finite number.
    """
    named = _named(events)
    if not named:
        return replace(progress, error=None)
    after = replace(progress, error=None, ack=tuple(named))
    for name, event in named.items():
        if name in progress.ack:
            continue
        try:
            after = _one(event, after, frame, classes, act)
        except RepeatedEventError:
            continue
        except DvauditError as refusal:
            after = replace(after, error=str(refusal))
    return after


def _named(events: Any) -> dict[str, dict[str, Any]]:
    """Return the events that have an id, by it; the first of each."""
    found: dict[str, dict[str, Any]] = {}
    for event in events if isinstance(events, list) else []:
        name = event.get("id") if isinstance(event, dict) else None
        if isinstance(name, str) and _ID.fullmatch(name):
            found.setdefault(name, event)
    return found


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
    act.decide(decision.sample_id, decision.verdict, decision.label, event["id"])
    return replace(before, anchor=position, here=before.here | {sample_id})


def _undo(event: dict[str, Any], before: Progress, frame: pd.DataFrame, act: Actions) -> Progress:
    undone = act.undo(event["id"])
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
