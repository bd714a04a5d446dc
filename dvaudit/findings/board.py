"""What a verdict log amounts to when several people judge: what is in force, who said what, where
they differ, and how fast they go.

An action stands until it is taken back. A reviewer's opinion on a sample is that person's newest
standing action; what is in force is the newest standing action of anybody. Reviewers are in
conflict on a sample where their opinions differ in verdict or label; a standing resolution
settles all that was said before it, and counts as its author's opinion.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.decisions import Decision, Entry, Verdict
from dvaudit.core.people import folded
from dvaudit.core.places import Places

CODES = {verdict: code for code, verdict in enumerate(Verdict, start=1)}
PACE_SECONDS = 300.0
PACE_LEAST = 3
PACE_SPAN = 60.0  # seconds: a burst of a few keys is no rate

Said = tuple[str, str | None]  # verdict and label
Opinions = dict[str, dict[int, Said]]


@dataclass(frozen=True, slots=True)
class _Action:
    number: int
    at: float
    reviewer: str
    said: Said | None
    together: str | None
    resolves: bool
    version: int


@dataclass(frozen=True)
class Pace:
    """How one reviewer gets on.

    Attributes:
        judged: samples this reviewer has an opinion on.
        recent: verdicts given one by one in the last PACE_SECONDS.
        per_minute: of these; None below PACE_LEAST, and where they span less than PACE_SPAN.
    """

    judged: int
    recent: int
    per_minute: float | None


class Board:
    """The state of a review; rows of the log are added once each, in order. Threads may share it.

    Reading one sample and adding one row cost the same however many samples there are.
    """

    def __init__(self, places: Places) -> None:
        self.places = places
        self.read = 0
        self._lock = threading.RLock()
        self._standing = np.zeros(len(places), dtype=np.int8)
        self._actions: dict[int, list[_Action]] = {}
        self._opinions: Opinions = {}
        self._conflicts: set[int] = set()
        self._own: dict[str, dict[int, _Action]] = {}  # standing actions by number, oldest first
        self._versions: dict[int, int] = {}
        self._spelled: dict[str, str] = {}  # first spelling by folded name

    def add(self, entries: Iterable[Entry]) -> None:
        """Take in rows of the log that came after those taken in before; older ones are skipped."""
        with self._lock:
            new = [entry for entry in entries if entry.number > self.read]
            found = self.places.find([entry.sample_id for entry in new])
            for entry, at in zip(new, found.tolist(), strict=True):
                self.read = entry.number
                if at >= 0:
                    self._take(entry, at)

    def standing(self) -> NDArray[np.int8]:
        """Return (n,) the code (CODES) of the verdict in force on each sample; 0 for none."""
        with self._lock:
            return self._standing.copy()

    def version(self, position: int) -> int:
        """Return the newest version of a sample; 0 where nobody has judged it."""
        return self._versions.get(position, 0)

    def spelled(self, reviewer: str) -> str:
        """Return a reviewer's name as it was first spelled in the log."""
        return self._spelled.get(folded(reviewer), reviewer)

    def in_force(self, position: int) -> Decision | None:
        """Return the verdict in force on a sample."""
        with self._lock:
            actions = self._actions.get(position)
            return self._decision(position, actions[-1].said) if actions else None

    def opinion(self, reviewer: str, position: int) -> Decision | None:
        """Return what a reviewer says of a sample."""
        with self._lock:
            return self._decision(
                position, self._opinions.get(self.spelled(reviewer), {}).get(position)
            )

    def opinions_on(self, position: int) -> list[tuple[str, Decision, bool]]:
        """Return reviewer, decision, and whether it is a resolution, of each opinion on a sample,
        oldest first."""
        with self._lock:
            newest: dict[str, tuple[str, Decision, bool]] = {}
            for action in self._actions.get(position, ()):
                newest.pop(action.reviewer, None)
                decision = self._decision(position, action.said)
                if decision is not None:
                    newest[action.reviewer] = (action.reviewer, decision, action.resolves)
            return list(newest.values())

    def said_since(self, version: int, position: int, reviewer: str) -> list[tuple[str, Decision]]:
        """Return who but `reviewer` judged a sample after a version of it, and how, in order."""
        with self._lock:
            me = self.spelled(reviewer)
            made = [
                (action.reviewer, self._decision(position, action.said))
                for action in self._actions.get(position, ())
                if action.version > version and action.reviewer != me
            ]
            return [(who, decision) for who, decision in made if decision is not None]

    def judged_by(self, reviewer: str) -> NDArray[np.int64]:
        """Return the positions that a reviewer has an opinion on."""
        with self._lock:
            return np.fromiter(self._opinions.get(self.spelled(reviewer), {}), dtype=np.int64)

    def judged_by_others(self, reviewer: str) -> NDArray[np.int64]:
        """Return the positions that somebody other than `reviewer` has an opinion on."""
        with self._lock:
            me = self.spelled(reviewer)
            others = [set(mine) for name, mine in self._opinions.items() if name != me]
            return np.array(sorted(set().union(*others)), dtype=np.int64)

    def conflicts(self) -> NDArray[np.int64]:
        """Return the positions where reviewers differ and nobody has settled it, in order."""
        with self._lock:
            return np.array(sorted(self._conflicts), dtype=np.int64)

    def in_conflict(self, position: int) -> bool:
        """Return whether reviewers differ on a sample."""
        with self._lock:
            return position in self._conflicts

    def opinions(self) -> Opinions:
        """Return what each reviewer says of each sample, by name and position; a copy."""
        with self._lock:
            return {name: dict(mine) for name, mine in sorted(self._opinions.items()) if mine}

    def last_action(self, reviewer: str) -> tuple[str | None, int]:
        """Return the name and the number of rows of a reviewer's last standing action; 0 for none.

        The name is None for a verdict by itself.
        """
        with self._lock:
            mine = self._own.get(self.spelled(reviewer))
            if not mine:
                return None, 0
            last = next(reversed(mine.values()))
            if last.together is None:
                return None, 1
            rows = sum(1 for action in mine.values() if action.together == last.together)
            return last.together, rows

    def can_undo(self, reviewer: str) -> bool:
        """Return whether a reviewer has a standing action."""
        return bool(self._own.get(self.spelled(reviewer)))

    def pace(self, reviewer: str, now: float) -> Pace:
        """Return how a reviewer gets on; what was judged in bulk is no measure of speed.

        Args:
            now: seconds since 1970.
        """
        with self._lock:
            me, times = self.spelled(reviewer), []
            for action in reversed(self._own.get(me, {}).values()):
                if action.at < now - PACE_SECONDS:
                    break
                if action.together is None:
                    times.append(action.at)
            judged = len(self._opinions.get(me, {}))
        if len(times) < PACE_LEAST or now - times[-1] < PACE_SPAN:
            return Pace(judged, len(times), None)
        return Pace(judged, len(times), 60.0 * (len(times) - 1) / (now - times[-1]))

    def counts(self) -> dict[str, Counter[str]]:
        """Return how many samples each reviewer gave each verdict, by reviewer and verdict."""
        with self._lock:
            return {
                name: Counter(said[0] for said in mine.values())
                for name, mine in sorted(self._opinions.items())
                if mine
            }

    def _take(self, entry: Entry, at: int) -> None:
        decision = entry.decision
        who = self._spelled.setdefault(folded(entry.reviewer), entry.reviewer)
        self._versions[at] = entry.version
        self._standing[at] = 0 if decision is None else CODES[decision.verdict]
        actions = self._actions.setdefault(at, [])
        if entry.undoes is None:
            said = None if decision is None else (decision.verdict.value, decision.label)
            action = _Action(
                entry.number, entry.at, who, said, entry.action, entry.resolves, entry.version
            )
            actions.append(action)
            self._own.setdefault(who, {})[entry.number] = action
            self._say(who, at)
        else:
            for place in range(len(actions) - 1, -1, -1):
                if actions[place].number == entry.undoes:
                    gone = actions.pop(place)
                    del self._own[gone.reviewer][gone.number]
                    self._say(gone.reviewer, at)
                    break
        self._settle(at)

    def _say(self, reviewer: str, at: int) -> None:
        """Note what a reviewer says of a sample after the actions on it have changed."""
        mine = self._opinions.setdefault(reviewer, {})
        mine.pop(at, None)
        for action in reversed(self._actions[at]):
            if action.reviewer == reviewer:
                if action.said is not None:
                    mine[at] = action.said
                break

    def _settle(self, at: int) -> None:
        """Note whether reviewers differ on a sample."""
        newest: dict[str, Said | None] = {}
        for action in reversed(self._actions[at]):
            newest.setdefault(action.reviewer, action.said)
            if action.resolves:
                break
        if len({said for said in newest.values() if said is not None}) > 1:
            self._conflicts.add(at)
        else:
            self._conflicts.discard(at)

    def _decision(self, position: int, said: Said | None) -> Decision | None:
        if said is None:
            return None
        return Decision(self.places.name(position), Verdict(said[0]), said[1])
