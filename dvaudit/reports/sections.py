"""What a report holds: the sections a person chooses, and how many samples it shows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dvaudit.core.dataset import Task
from dvaudit.core.errors import SettingsError

LEAST_SHOWN: Final = 60
MOST_SHOWN: Final = 500


class Section(StrEnum):
    """The sections, in the order of the page. Title and summary are always there."""

    SCORES = "scores"
    SAMPLES = "samples"
    DECISIONS = "decisions"
    REVIEWERS = "reviewers"
    EFFECTS = "effects"
    CURVES = "curves"
    CONFUSIONS = "confusions"
    CLASSES = "classes"
    DUPLICATES = "duplicates"
    OUTLIERS = "outliers"
    NOTES = "notes"
    CARD = "card"

    @property
    def heading(self) -> str:
        return _HEADINGS[self]


_HEADINGS: Final = {
    Section.SCORES: "Suspicion scores",
    Section.SAMPLES: "Most suspicious samples",
    Section.DECISIONS: "Labels before and after",
    Section.REVIEWERS: "Reviewers and agreement",
    Section.EFFECTS: "Effect on classes",
    Section.CURVES: "Pruning curves",
    Section.CONFUSIONS: "Confusions",
    Section.CLASSES: "Classes",
    Section.DUPLICATES: "Duplicates",
    Section.OUTLIERS: "Outliers",
    Section.NOTES: "Notes",
    Section.CARD: "Valuation card",
}
ALL_SECTIONS: Final = frozenset(Section)
# They have nothing to say of data without labels.
_OF_LABELS: Final = frozenset(
    {
        *(Section.SCORES, Section.SAMPLES, Section.EFFECTS, Section.CURVES),
        *(Section.CONFUSIONS, Section.CLASSES),
    }
)


def sections_of(task: Task | None) -> tuple[Section, ...]:
    """Return the sections that data of a task can fill, in the order of the page."""
    return tuple(
        each for each in Section if task is not Task.UNSUPERVISED or each not in _OF_LABELS
    )


@dataclass(frozen=True)
class Choice:
    """Which sections a report has, and how many of the most suspicious samples it shows.

    Raises:
        SettingsError: fewer than LEAST_SHOWN or more than MOST_SHOWN samples.
    """

    sections: frozenset[Section] = ALL_SECTIONS
    shown: int = LEAST_SHOWN

    def __post_init__(self) -> None:
        if not LEAST_SHOWN <= self.shown <= MOST_SHOWN:
            raise SettingsError(
                f"the report is to show {self.shown:,} samples; choose {LEAST_SHOWN} to "
                f"{MOST_SHOWN}."
            )

    def has(self, section: Section) -> bool:
        return section in self.sections


def chosen(names: list[str] | None, shown: int = LEAST_SHOWN) -> Choice:
    """Return a choice from the names of sections; None chooses all.

    Raises:
        SettingsError: a name that is no section.
    """
    if names is None:
        return Choice(shown=shown)
    unknown = [repr(name) for name in names if name not in set(Section)]
    if unknown:
        raise SettingsError(
            f"{', '.join(unknown)}: no section of a report; there are {', '.join(Section)}."
        )
    return Choice(frozenset(map(Section, names)), shown)
