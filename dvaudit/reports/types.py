"""Report: everything a report file says, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from dvaudit.core.dataset import Kind, Task, Unreadable
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.findings import CutOff, ErrorRate
from dvaudit.reports.listed import changes_data, given_labels

SCHEMA_VERSION = 1

_HISTORY_COLUMNS = ("at", "sample_id", "version", "verdict", "label", "reviewer", "undo")


def no_history() -> pd.DataFrame:
    """Return the history of a dataset that nobody reviewed."""
    return pd.DataFrame(columns=list(_HISTORY_COLUMNS), dtype=object)


@dataclass(frozen=True, eq=False)
class Report:
    """One audit of one dataset.

    Attributes:
        name: what to call the dataset.
        fingerprint: hex SHA-256 of its content.
        created: ISO 8601 time of the audit.
        samples, classes, duplicates, confusions: as in findings.Findings.
        record: how the audit was made: features, valuators (each with its status sentence,
            settings and timings), seed, device, versions, seconds; JSON-able.
        decisions: standing verdicts by sample id.
        thumbnails: pictures as data URIs, by sample id.
        notes: what a person should know of, one sentence each.
        unreadable: what the input held that could not be read.
        rows: what to show of samples that have no picture, by sample id: their features as text.
        suggested: suggestions that nobody judged and that are applied with the decisions.
        history: as Workspace.history; empty where nobody reviewed.
        curves: table "curves" of a pruning run, as in reports.lines; None for none.
        curve_names: what to call its series; by their own names where none is given.
        cut_off: the rule behind `samples["flagged"]` and the tables.

    Raises:
        ValueError: a thumbnail that is not a data URI of a picture.
    """

    name: str
    kind: Kind
    task: Task
    fingerprint: str
    created: str
    samples: pd.DataFrame
    classes: pd.DataFrame
    duplicates: pd.DataFrame
    confusions: pd.DataFrame
    error_rate: ErrorRate
    record: Mapping[str, Any]
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    thumbnails: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    rows: Mapping[str, str] = field(default_factory=dict)
    suggested: Mapping[str, Decision] = field(default_factory=dict)
    history: pd.DataFrame = field(default_factory=no_history)
    curves: pd.DataFrame | None = None
    curve_names: Mapping[str, str] = field(default_factory=dict)
    cut_off: CutOff = field(default_factory=CutOff)

    def __post_init__(self) -> None:
        strange = [key for key, uri in self.thumbnails.items() if not uri.startswith("data:image/")]
        if strange:
            raise ValueError(f"thumbnails must be data URIs of pictures; {strange[0]!r} is not")

    @property
    def flagged(self) -> int:
        return int(self.samples["flagged"].sum())

    @property
    def labelled(self) -> int:
        return int(self.samples["given_label"].notna().sum())

    @property
    def changes(self) -> dict[str, Decision]:
        """Decisions and the suggestions applied with them, by sample id."""
        return {**self.suggested, **self.decisions}

    @property
    def changing(self) -> list[Verdict]:
        """Standing verdicts that change the data: a relabel to the given label does not."""
        given = given_labels(self.samples)
        made = self.decisions.items()
        return [item.verdict for name, item in made if changes_data(item, given.get(name))]

    def verdict_counts(self) -> dict[str, int]:
        """Return how many samples have each verdict, in the order of Verdict."""
        made = [decision.verdict for decision in self.decisions.values()]
        return {verdict.value: made.count(verdict) for verdict in Verdict}
