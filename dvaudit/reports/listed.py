"""Which samples a report lists, in the order it lists them: those get pictures and rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd

from dvaudit.core.decisions import Decision, Verdict

LISTED_DECISIONS: Final = 200
LISTED_GROUPS, LISTED_MEMBERS = 15, 6


def top_samples(samples: pd.DataFrame, shown: int) -> tuple[pd.DataFrame, int]:
    """Return the most suspicious samples, of the flagged where there are any; and of how many."""
    frame = samples[samples["suspicion_rank"].notna()]
    if frame["flagged"].any():
        frame = frame[frame["flagged"].astype(bool)]
    return frame.sort_values("suspicion_rank", kind="stable").head(shown), len(frame)


def given_labels(samples: pd.DataFrame) -> dict[str, str | None]:
    """Return the given label of each sample by id; None where there is none."""
    pairs = zip(samples["id"], samples["given_label"], strict=True)
    return {str(name): None if pd.isna(label) else str(label) for name, label in pairs}


def changes_data(made: Decision, given: str | None) -> bool:
    """Return whether a decision drops a sample, or gives it another label than it has."""
    if made.verdict is Verdict.RELABEL:
        return made.label != given
    return made.verdict is Verdict.DROP


def changes_first(
    decisions: Mapping[str, Decision], given: Mapping[str, str | None]
) -> list[tuple[str, Decision]]:
    """Return decisions by sample id, those that change the data first."""
    return sorted(decisions.items(), key=lambda item: not changes_data(item[1], given.get(item[0])))


def listed_groups(duplicates: pd.DataFrame) -> tuple[list[int], int]:
    """Return the first groups of duplicates, those with conflicting labels first; of how many."""
    order = duplicates.drop_duplicates("group").sort_values(
        ["conflict", "group"], ascending=[False, True], kind="stable"
    )
    return [int(number) for number in order["group"].head(LISTED_GROUPS)], len(order)


def pictured(
    samples: pd.DataFrame,
    duplicates: pd.DataFrame,
    decisions: Mapping[str, Decision],
    shown: int,
) -> list[str]:
    """Return the ids of all samples that a report shows with a picture, each once.

    Args:
        decisions: in the order of Report.changes.
        shown: how many of the most suspicious are.
    """
    top, _ = top_samples(samples, shown)
    groups, _ = listed_groups(duplicates)
    members = duplicates[duplicates["group"].isin(groups)].groupby("group", sort=False)
    judged = changes_first(decisions, given_labels(samples))[:LISTED_DECISIONS]
    found = [*top["id"], *members.head(LISTED_MEMBERS)["id"], *(name for name, _ in judged)]
    return list(dict.fromkeys(str(name) for name in found))
