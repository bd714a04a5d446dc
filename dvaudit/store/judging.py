"""What a workspace does with verdicts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pandas as pd

from dvaudit.core.decisions import Assignment, Decision, Entry, Verdict
from dvaudit.core.errors import NotFoundError, some
from dvaudit.store.assignments import Assignments
from dvaudit.store.datasets import Datasets
from dvaudit.store.verdicts import Verdicts


class Judging:
    """Verdicts and assignments; the part of Workspace that reviewers use."""

    _datasets: Datasets
    _verdicts: Verdicts
    _assignments: Assignments

    def decide(
        self,
        dataset_id: str,
        sample_id: str,
        verdict: Verdict | str,
        label: str | None = None,
        *,
        seen_version: int | None = None,
        reviewer: str = "",
        event: str | None = None,
        resolves: bool = False,
        senders: Collection[str] | None = None,
    ) -> int:
        """Add a verdict on a sample and return its version; `label` is for RELABEL only.

        `seen_version` is the version the person looked at (0 = none); None overrides whatever is
        there. With `senders`, pages in a browser whose events are named "SENDER-...", newer
        versions of their own are no conflict, as they had not been told of them; nor are those
        with the same decision, nor, unless it `resolves`, those of other reviewers, which stand
        beside this one. `event` names the person's action, so that a message that comes twice, in
        whatever session, counts once. `resolves` marks the verdict that settles what reviewers
        judged differently. Stored durably when this returns.

        Raises:
            ConflictError: the sample has changed since `seen_version`; with `senders`, it is an
                OvertakenError.
            RepeatedEventError: `event` was carried out before.
            NotFoundError: no such dataset or sample.
            ValueError: an unknown verdict, or one that does not go with the label.
        """
        decision = Decision(sample_id, Verdict(verdict), label)
        self._require_samples(dataset_id, [sample_id])
        return self._verdicts.append(
            dataset_id,
            sample_id,
            decision,
            seen_version,
            reviewer,
            event,
            resolves=resolves,
            senders=senders,
        )

    def decide_many(
        self,
        dataset_id: str,
        decisions: Sequence[Decision],
        *,
        reviewer: str = "",
        event: str | None = None,
        only_open: bool = False,
    ) -> int:
        """Add a verdict on each sample in one transaction; return how many were added.

        All of them are one action: `undo` takes them back together. With `only_open`, samples
        that have a verdict keep it. `event` is as in `decide`.

        Raises:
            RepeatedEventError: `event` was carried out before.
            NotFoundError: no such dataset, or samples it does not have; nothing is stored.
            ValueError: a sample is named twice.
        """
        names = [item.sample_id for item in decisions]
        if len(set(names)) < len(names):
            raise ValueError(f"{len(names) - len(set(names)):,} samples are named twice")
        self._require_samples(dataset_id, names)
        return self._verdicts.append_many(
            dataset_id, decisions, reviewer, event, only_open=only_open
        )

    def clear(
        self,
        dataset_id: str,
        sample_id: str,
        *,
        seen_version: int | None = None,
        reviewer: str = "",
    ) -> int:
        """Take back the verdict on a sample, as a new version, and return that; see `decide`."""
        self._require_samples(dataset_id, [sample_id])
        return self._verdicts.append(dataset_id, sample_id, None, seen_version, reviewer)

    def undo(
        self, dataset_id: str, *, reviewer: str | None = None, event: str | None = None
    ) -> Decision | None:
        """Take back the last action not yet undone (of `reviewer` only, where given).

        Appends what was before, and returns the decision taken back (the first of an action on
        many samples); where a clearing is taken back, the decision in force again. None when
        there is nothing left to undo. `event` names the person's action as in `decide`.

        Raises:
            ConflictError: somebody else has since decided on the same sample.
            RepeatedEventError: `event` was carried out before.
        """
        return next(iter(self.undo_action(dataset_id, reviewer=reviewer, event=event)), None)

    def undo_action(
        self, dataset_id: str, *, reviewer: str | None = None, event: str | None = None
    ) -> tuple[Decision, ...]:
        """Do as `undo`, and return every decision taken back."""
        self._datasets.get(dataset_id)
        return self._verdicts.undo(dataset_id, reviewer, event)

    def decisions(self, dataset_id: str) -> dict[str, Decision]:
        """The decision in force of every sample that has one, by sample id, oldest first."""
        self._datasets.get(dataset_id)
        return self._verdicts.decisions(dataset_id)

    def versions(self, dataset_id: str) -> dict[str, int]:
        """The newest version of every sample ever decided on, for `seen_version`; others are 0."""
        self._datasets.get(dataset_id)
        return self._verdicts.versions(dataset_id)

    def verdicts_since(self, dataset_id: str, number: int) -> list[Entry]:
        """The rows of the verdict log after the one of this number (0 = all), oldest first."""
        return self._verdicts.since(dataset_id, number)

    def history(self, dataset_id: str) -> pd.DataFrame:
        """Every version, oldest first: at, sample_id, version, verdict, label, reviewer, undo,
        action (same text = stored at once), resolution."""
        self._datasets.get(dataset_id)
        return self._verdicts.history(dataset_id)

    def export_history(self, dataset_id: str, target: Path) -> Path:
        """Write the history as JSON lines, the first of which carries the schema version."""
        return self._verdicts.export(self._datasets.get(dataset_id), target)

    def assign(
        self, dataset_id: str, parts: Mapping[str, Sequence[str]], *, made_by: str, queue: str
    ) -> None:
        """Share samples out among reviewers, in place of what was shared out before.

        Args:
            parts: the ids of each reviewer, in the order to review; empty to end it.
            made_by: who shares them out.
            queue: which queue it is, in words.

        Raises:
            NotFoundError: no such dataset, or samples it does not have.
        """
        for names in parts.values():
            self._require_samples(dataset_id, names)
        self._assignments.add(dataset_id, parts, made_by, queue)

    def assignment(self, dataset_id: str) -> Assignment | None:
        """Who is to review what; None where nothing is shared out."""
        return self._assignments.newest(dataset_id)

    def _require_samples(self, dataset_id: str, names: Sequence[str]) -> None:
        known = self._datasets.sample_ids(dataset_id)
        missing = [name for name in names if name not in known]
        if len(missing) == 1:
            raise NotFoundError(f"Dataset {dataset_id} has no sample {missing[0]!r}.")
        if missing:
            raise NotFoundError(
                f"Dataset {dataset_id} has none of {len(missing):,} named samples "
                f"({some(missing)})."
            )
