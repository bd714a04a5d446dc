"""Patches: verdicts taken out of one copy of a dataset and applied to another.

The format is that of reports.patch; which sample a row means is decided in reports.patch_fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from dvaudit import readers, reports
from dvaudit.core.dataset import Dataset, Role
from dvaudit.core.decisions import Decision
from dvaudit.core.errors import UnsuitableDataError, some
from dvaudit.core.words import count
from dvaudit.reports.patch import Patch, PatchRow, parse_patch, write_patch
from dvaudit.reports.patch_fit import Fit, Outcome, fit_patch
from dvaudit.store import Workspace

LISTED = 5  # names in a sentence
Contents = str | Path | bytes | Mapping[str, Any] | Patch


@dataclass(frozen=True, eq=False)
class PatchedData:
    """A patch fitted to a dataset: `fit` says what becomes of each verdict.

    `notes` are what a person should know of the comparison, one sentence each.
    """

    data: Dataset
    fit: Fit
    notes: tuple[str, ...] = ()

    @property
    def decisions(self) -> dict[str, Decision]:
        """What is applied, by sample id of the data."""
        return self.fit.decisions

    def counts(self) -> dict[str, int]:
        """Return how many verdicts have each outcome: applied, moved, already, conflict, ..."""
        return {outcome.value: number for outcome, number in self.fit.counts().items()}

    def to_frame(self) -> pd.DataFrame:
        """Return one row per verdict of the patch, with reports.patch_fit.FIT_COLUMNS."""
        return self.fit.to_frame()

    def save(self, folder: str | Path) -> list[Path]:
        """Write the corrected data in its original format and patch-result.csv, which lists what
        became of each verdict; return both paths."""
        where = Path(folder)
        corrected = readers.write_corrected(self.data, self.decisions, where)
        return [corrected, reports.write_csv(self.to_frame(), where / "patch-result.csv")]

    @property
    def refused(self) -> int:
        """How many verdicts of the patch are lost unless a person looks."""
        return sum(item.outcome.is_refused for item in self.fit.items)

    def lines(self, *, saved: bool = True) -> list[str]:
        """Return the outcome in sentences, refused verdicts with the first few ids.

        Args:
            saved: the corrected copy is written; otherwise the verdicts fit, and are not applied.
        """
        counts, done = self.fit.counts(), "are applied" if saved else "fit"
        said = [f"{counts[Outcome.APPLIED] + counts[Outcome.MOVED]:,} of {len(self.fit.items):,} "
                f"verdicts {done}."]  # fmt: skip
        for outcome, words in OUTCOME_WORDS.items():
            if outcome is not Outcome.APPLIED and counts[outcome]:
                named = [item.row.id for item in self.fit.items if item.outcome is outcome]
                said.append(f"{counts[outcome]:,} {words}: {some(named, LISTED)}.")
        return [*said, *self.notes]


OUTCOME_WORDS = {
    Outcome.APPLIED: "found by id and content",
    Outcome.MOVED: "found by content under another id",
    Outcome.ALREADY: "there already",
    Outcome.CONFLICT: "left out: the label or a verdict is not what the patch saw",
    Outcome.CHANGED: "left out: the content under the id has changed",
    Outcome.MISSING: "left out: neither the id nor the content is there",
}


def make_patch(
    data: Dataset,
    decisions: Mapping[str, Decision],
    *,
    reviewer: str | None = "",
    created: str | None = None,
) -> Patch:
    """Return the decisions on a dataset in memory as a patch.

    Args:
        reviewer: who decided; None for nobody.
        created: ISO 8601 time; now where None. It is that of the verdicts, too.
    """
    moment = created or _now()
    position = {name: at for at, name in enumerate(data.ids)}
    _require_known(decisions, position, data.name)
    given = data.label_text()
    at = None if reviewer is None else moment
    rows = [
        PatchRow(
            *(name, data.hashes[position[name]], made.verdict, given[position[name]], made.label),
            reviewer=reviewer,
            time=at,
        )
        for name, made in decisions.items()
    ]
    roles = {name: str(role) for name, role in data.roles.items()}
    return Patch(
        *(data.name, data.fingerprint, data.kind, data.task, len(data), moment, tuple(rows), roles)
    )


def stored_patch(ws: Workspace, dataset_id: str, decisions: Mapping[str, Decision]) -> Patch:
    """Return decisions on a dataset of the workspace as a patch.

    Those that are not standing verdicts are suggestions: they have no reviewer and no time.
    """
    record = ws.dataset(dataset_id)
    if record.kind is None or record.task is None or record.fingerprint is None:
        raise UnsuitableDataError(f"{record.name} is not imported, so there is nothing to patch.")
    samples = ws.samples(dataset_id)
    position = {str(name): at for at, name in enumerate(samples["id"])}
    _require_known(decisions, position, record.name)
    given, hashes = _label_texts(samples), samples["hash"].tolist()
    standing, newest = ws.decisions(dataset_id), _newest(ws.history(dataset_id))
    rows = []
    for name, made in decisions.items():
        who, when = newest.get(name, ("", "")) if standing.get(name) == made else (None, None)
        at = position[name]
        rows.append(PatchRow(name, hashes[at], made.verdict, given[at], made.label, who, when))
    return Patch(
        *(record.name, record.fingerprint, record.kind, record.task, len(samples), _now()),
        *(tuple(rows), {name: str(role) for name, role in record.roles.items()}),
    )


def write_stored_patch(
    ws: Workspace, dataset_id: str, decisions: Mapping[str, Decision], folder: Path
) -> Path:
    """Write patch.json of a dataset of the workspace into `folder`; return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_patch(stored_patch(ws, dataset_id, decisions), folder / "patch.json")


def read_patch(patch: Contents, name: str = "the patch") -> Patch:
    """Return a patch from its file, its bytes, its parsed JSON, or as it is.

    Raises:
        UnreadableInputError: no patch, or one of another schema version.
    """
    if isinstance(patch, Patch):
        return patch
    if isinstance(patch, (str, Path)):
        path = Path(patch).expanduser()
        return parse_patch(readers.read_bytes(path), path.name)
    return parse_patch(patch, name)


def apply_patch(data: Dataset | str | Path, patch: Contents) -> PatchedData:
    """Fit a patch to a newer copy of the data it was made of; `save` writes the corrected copy.

    Args:
        data: a dataset, or a path, which is read with the columns' roles of the patch; columns
            that the patch does not name then play no part.
        patch: its path, its bytes, or what `make_patch` returned.

    Raises:
        UnreadableInputError: data or a patch that cannot be read.
    """
    wanted = read_patch(patch)
    loaded = data if isinstance(data, Dataset) else _load(Path(data), wanted)
    fit = fit_patch(wanted, loaded.ids, loaded.hashes, loaded.label_text().tolist())
    return PatchedData(loaded, fit, _role_notes(wanted, loaded.roles))


def fit_stored(ws: Workspace, dataset_id: str, patch: Patch) -> tuple[Fit, tuple[str, ...]]:
    """Fit a patch to a dataset of the workspace and its verdicts; return fit and notes."""
    samples = ws.samples(dataset_id)
    fit = fit_patch(
        patch,
        samples["id"].tolist(),
        samples["hash"].tolist(),
        _label_texts(samples),
        ws.decisions(dataset_id),
    )
    return fit, _role_notes(patch, ws.dataset(dataset_id).roles)


def apply_stored(
    ws: Workspace,
    dataset_id: str,
    patch: Patch,
    *,
    reviewer: str = "",
    event: str | None = None,
) -> int:
    """Write the verdicts that fit into the log, as one action of `reviewer`; return how many.

    The patch is fitted anew, so that verdicts given since it was looked at are respected.
    """
    fit, _ = fit_stored(ws, dataset_id, patch)
    made = list(fit.decisions.values())
    return ws.decide_many(dataset_id, made, reviewer=reviewer, event=event) if made else 0


def _load(path: Path, patch: Patch) -> Dataset:
    """Read data as the patch's own was: columns it does not name play no part."""
    seen = readers.preview(path)
    held = {column.name for column in seen.columns}
    roles = {column: role for column, role in patch.roles.items() if column in held}
    if roles:
        roles.update(dict.fromkeys(held - set(patch.roles), Role.IGNORED.value))
    return readers.load(path, roles=roles or None, task=patch.task)


def _role_notes(patch: Patch, roles: Mapping[str, Role | str]) -> tuple[str, ...]:
    """Say which features differ: contents are compared by the features and their roles."""
    before, now = _features(patch.roles), _features(roles)
    notes = []
    lacking = [f"'{name}'" for name in before if now.get(name) != before[name]]
    added = [f"'{name}'" for name in now if name not in before]
    if lacking:
        notes.append(
            f"{_features_of(lacking)} of the patch's data and not here, or of another role: "
            f"{some(lacking)}. Contents differ by this."
        )
    if added:
        notes.append(
            f"{_features_of(added)} here and not of the patch's data: {some(added)}. Contents "
            "differ by this; ignore such columns when you import."
        )
    return tuple(notes)


def _features_of(columns: Sequence[str]) -> str:
    are = "is a feature" if len(columns) == 1 else "are features"
    return f"{count(len(columns), 'column')} {are}"


def _features(roles: Mapping[str, Role | str]) -> dict[str, str]:
    return {name: str(role) for name, role in roles.items() if Role(role).is_feature}


def _label_texts(samples: pd.DataFrame) -> list[str | None]:
    return [None if pd.isna(label) else str(label) for label in samples["label"]]


def _newest(history: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Return reviewer and time of the newest version of each sample."""
    last = history.drop_duplicates("sample_id", keep="last")
    return {
        str(name): (str(who), moment.isoformat())
        for name, who, moment in zip(last["sample_id"], last["reviewer"], last["at"], strict=True)
    }


def _require_known(decisions: Mapping[str, Decision], known: Mapping[str, int], name: str) -> None:
    unknown = [repr(item) for item in decisions if item not in known]
    if unknown:
        raise UnsuitableDataError(
            f"{len(unknown):,} decisions are on samples that {name} does not have: {some(unknown)}."
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
