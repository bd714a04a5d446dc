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
from dvaudit.store import OvertakenError, RepeatedEventError
from dvaudit.ui.names import tidy
from dvaudit.ui.words import count

_ID = re.compile(r"[0-9a-z-]{8,64}")


class Actions(Protocol):
    """What a verdict does; the app passes the workspace.

    `decide` and `undo` raise RepeatedEventError for an event that was carried out before, in
    whatever session.
    """

    def decide(self, position: int, decision: Decision, by: By) -> str | None:
        """Store a verdict, and return what there is to say of it.

        Raises OvertakenError where the person looked at an older state of the sample.
        """

    def undo(self, by: By) -> tuple[Decision, ...]: ...

    def position(self, sample_id: str) -> int | None: ...


@dataclass(frozen=True)
class By:
    """Who did something in the browser.

    Attributes:
        event: names the action.
        reviewer: the name that the tab had when it was done; empty for none.
        resolves: it was done to settle a conflict.
        seen: version of the sample that the browser had; None where it did not say.
        senders: the pages in the browser whose events on the sample it showed besides.
    """

    event: str
    reviewer: str = ""
    resolves: bool = False
    seen: int | None = None
    senders: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Overtaken:
    """A verdict that was not stored, as the sample was judged elsewhere meanwhile.

    Attributes:
        newer: what is in force instead; None for no verdict any more.
        by: who decided that.
        version: of the sample now.
        resolves: the verdict was to settle a conflict.
    """

    position: int
    decision: Decision
    newer: Decision | None
    by: str
    version: int
    resolves: bool = False


@dataclass(frozen=True)
class Progress:
    """Where a review stands after some events.

    Attributes:
        ack: ids of the last report's events: each was applied or refused.
        anchor: position the person is at, None where no event says.
        here: positions that were decided or undone since the queue was opened.
        jump: position of a sample whose verdict was taken back from an earlier visit.
        jumps: how many jumps there were.
        error: the last refusal, one line.
        note: what else there is to say of the last events, one line.
        overtaken: verdicts not stored for newer ones, until they are repeated or let go.
        opening: names the queue that was opened, and what of it is shown.
    """

    ack: tuple[str, ...] = ()
    anchor: int | None = None
    here: frozenset[int] = frozenset()
    jump: int | None = None
    jumps: int = 0
    error: str | None = None
    note: str | None = None
    overtaken: tuple[Overtaken, ...] = ()
    opening: str = ""


def apply(
    events: Any,
    progress: Progress,
    frame: pd.DataFrame,
    classes: Sequence[str],
    act: Actions,
    reviewer: str = "",
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
        reviewer: the name said in this tab; it goes with the tab's own events that carry none, as
            they were typed while the name was on its way.
    """
    named = _named(events)
    if not named:
        return replace(progress, error=None, note=None)
    after = replace(progress, error=None, note=None, ack=tuple(named))
    for name, event in named.items():
        if name in progress.ack:
            continue
        try:
            after = _one(event, after, frame, classes, act, reviewer)
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
    reviewer: str,
) -> Progress:
    by = _by(event, reviewer)
    kind = event.get("kind")
    if kind == "undo":
        return _undo(event, before, act, by)
    position = _position(event.get("position"), len(frame))
    if kind == "at":
        return replace(before, anchor=position)
    others = tuple(item for item in before.overtaken if item.position != position)
    if kind == "leave":
        return replace(before, overtaken=others)
    if kind != "decide":
        raise SettingsError(f"The review sent an unknown event, {kind!r}. Reload the page.")
    decision = _decision(str(frame["id"].iat[position]), event, classes)
    try:
        note = act.decide(position, decision, by)
    except OvertakenError as error:
        newer = error.entry
        lost = Overtaken(
            position, decision, newer.decision, newer.reviewer, newer.version, by.resolves
        )
        return replace(before, overtaken=(*others, lost))
    return replace(
        before,
        anchor=position,
        here=before.here | {position},
        note=note or before.note,
        overtaken=others,
    )


def _by(event: dict[str, Any], reviewer: str) -> By:
    said = tidy(event.get("reviewer"))
    if not said and event.get("own") is True:
        said = reviewer
    seen = event.get("seen")
    known = isinstance(seen, int) and not isinstance(seen, bool) and seen >= 0
    waiting = event.get("waiting")
    ids = [event["id"], *(waiting if isinstance(waiting, list) else ())]
    senders = frozenset(str(name).rpartition("-")[0] for name in ids)
    return By(event["id"], said, event.get("resolves") is True, seen if known else None, senders)


def _undo(event: dict[str, Any], before: Progress, act: Actions, by: By) -> Progress:
    undone = act.undo(by)
    if not undone:
        raise SettingsError("There is no verdict of yours left to take back.")
    found = [act.position(item.sample_id) for item in undone]
    places = [at for at in found if at is not None]
    after = replace(before, here=before.here | set(places))
    if len(undone) > 1:
        after = replace(after, note=f"Took back {count(len(undone), 'verdict')} given together.")
    if not places:
        return after
    at = places[0]
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
