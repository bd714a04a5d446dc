"""Who judged what, and how far reviewers agree, from the history of verdicts."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pandas as pd

from dvaudit.core.decisions import Verdict
from dvaudit.findings.raters import cohens_kappa

UNNAMED: Final = "not named"
Opinion = tuple[str, str | None]  # verdict, new label


@dataclass(frozen=True)
class Reviewer:
    """A person's verdicts that stand, one for each sample; `first` and `last` are aware times of
    whole seconds.
    """

    name: str
    verdicts: dict[str, int]
    first: datetime
    last: datetime

    @property
    def samples(self) -> int:
        return sum(self.verdicts.values())


@dataclass(frozen=True)
class Agreement:
    """How two reviewers judged the samples that both did.

    Attributes:
        samples: how many both judged.
        equal: on how many verdict and new label are equal.
        kappa: Cohen's, of verdict and new label together, as findings.raters has it; None where
            chance alone gives full agreement.
    """

    one: str
    other: str
    samples: int
    equal: int
    kappa: float | None


def opinions(history: pd.DataFrame) -> dict[str, dict[str, Opinion]]:
    """Return each reviewer's own last verdict by sample id, undone and cleared ones left out.

    Args:
        history: as Workspace.history: one row per stored version, oldest first.
    """
    made: defaultdict[tuple[str, str], list[Opinion]] = defaultdict(list)
    columns = ("reviewer", "sample_id", "verdict", "label", "undo")
    for who, sample, verdict, label, undo in zip(*(history[name] for name in columns), strict=True):
        stack = made[str(who) or UNNAMED, str(sample)]
        if undo:
            if stack:
                stack.pop()
        else:
            stack.append((str(verdict), None if pd.isna(label) else str(label)))
    known = {verdict.value for verdict in Verdict}
    found: defaultdict[str, dict[str, Opinion]] = defaultdict(dict)
    for (who, sample), stack in made.items():
        if stack and stack[-1][0] in known:
            found[who][sample] = stack[-1]
    return dict(found)


def reviewers(history: pd.DataFrame) -> tuple[Reviewer, ...]:
    """Return who has verdicts that stand, most samples first."""
    times = history.assign(who=[str(name) or UNNAMED for name in history["reviewer"]])
    found = []
    for who, judged in opinions(history).items():
        at = times.loc[times["who"] == who, "at"].dt.floor("s")
        counts = Counter(verdict for verdict, _ in judged.values())
        told = {verdict.value: counts[verdict.value] for verdict in Verdict}
        found.append(Reviewer(who, told, at.min().to_pydatetime(), at.max().to_pydatetime()))
    return tuple(sorted(found, key=lambda person: (-person.samples, person.name)))


def agreements(history: pd.DataFrame) -> tuple[Agreement, ...]:
    """Return the agreement of each two reviewers who judged a sample in common."""
    judged = opinions(history)
    found = []
    for one, other in itertools.combinations(sorted(judged), 2):
        common = sorted(set(judged[one]) & set(judged[other]))
        if common:
            said = [[judged[who][sample] for sample in common] for who in (one, other)]
            equal = sum(first == second for first, second in zip(*said, strict=True))
            kappa = cohens_kappa(*said).kappa
            found.append(
                Agreement(one, other, len(common), equal, None if math.isnan(kappa) else kappa)
            )
    return tuple(found)
