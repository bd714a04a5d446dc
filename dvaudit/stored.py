"""Datasets and runs of a workspace, as the use cases need them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from dvaudit import jobs, readers
from dvaudit.core.dataset import Dataset, Kind, Role, Task
from dvaudit.core.errors import MissingSourceError, NotFoundError, UnsuitableDataError
from dvaudit.core.progress import Progress, silent
from dvaudit.store import DatasetRecord, RunKind, RunRecord, RunStatus, Workspace


def load_stored(ws: Workspace, dataset_id: str, progress: Progress = silent) -> Dataset:
    """Read a dataset of the workspace from its original file, with its stored roles.

    Raises:
        UnsuitableDataError: the file has changed since its import, so that verdicts and findings
            would fall on other samples.
        MissingSourceError: the file is gone.
    """
    record = ws.dataset(dataset_id)
    if not Path(record.source).exists():
        raise MissingSourceError(
            f"{record.name} cannot be read: {record.source} is gone. Put the file or folder back "
            "there, or import the data again from where it is now."
        )
    data = readers.load(
        record.source,
        roles=record.roles or None,
        task=record.task,
        name=record.name,
        progress=progress,
    )
    if record.fingerprint not in (None, data.fingerprint):
        change = ws.source_change(dataset_id) or (
            "The content is not what was imported; import the dataset again."
        )
        raise UnsuitableDataError(
            f"{record.name} cannot be used: {change} Verdicts given so far belong to the earlier "
            "content."
        )
    return data


class Columns(Protocol):
    """What another dataset is read like: a dataset, or what is known of one."""

    @property
    def kind(self) -> Kind: ...

    @property
    def task(self) -> Task: ...

    @property
    def roles(self) -> Mapping[str, Role]: ...


def load_like(path: Path, data: Columns, *, name: str | None = None) -> Dataset:
    """Read a second dataset with the columns' roles of `data`, so that both can be compared.

    Roles guessed from a small file may differ: a column with one value there is no feature.
    """
    known = {
        column: role
        for column, role in data.roles.items()
        if role.is_feature or role is Role.LABEL or role is Role.IGNORED
    }
    if data.kind is Kind.TABULAR:
        held = {column.name for column in readers.preview(path).columns}
        known = {column: role for column, role in known.items() if column in held}
    return readers.load(path, roles=known or None, task=data.task, name=name)


def load_trusted(
    ws: Workspace, dataset_id: str | None, data: Columns, progress: Progress = silent
) -> Dataset | None:
    """Read another dataset of the workspace as the trusted set of `data`; None for None.

    Raises:
        UnsuitableDataError: it was deleted, or its file changed since it was imported.
    """
    if dataset_id is None:
        return None
    try:
        ws.dataset(dataset_id)
    except NotFoundError as error:
        raise UnsuitableDataError(
            "The trusted set that this run was given is no longer in the workspace: it was "
            "deleted. Import it again and start with that one, or start without."
        ) from error
    load_stored(ws, dataset_id, progress)  # refuses a changed source
    record = ws.dataset(dataset_id)
    return load_like(Path(record.source), data, name=record.name)


def ready(ws: Workspace, dataset_id: str) -> DatasetRecord:
    """Return the record of an imported dataset.

    Raises:
        UnsuitableDataError: its import has not finished, or failed.
    """
    record = ws.dataset(dataset_id)
    if record.fingerprint is None:
        raise UnsuitableDataError(
            f"{record.name} is not ready: its import is {record.status}. Wait for it, or import "
            "the file again."
        )
    return record


def queue(
    ws: Workspace,
    dataset_id: str,
    kind: RunKind,
    function: Callable[..., None],
    params: dict[str, Any],
) -> str:
    """Queue a run that calls `function(ws, run, progress)`; return its id."""
    name = f"{function.__module__}:{function.__name__}"
    run_id = ws.add_run(dataset_id, kind, {"function": name, **params})
    jobs.submit(ws, run_id)
    return run_id


def latest(ws: Workspace, dataset_id: str, kind: RunKind) -> RunRecord | None:
    """Return the newest finished run of a kind, or None."""
    done = (run for run in ws.runs(dataset_id, kind) if run.status is RunStatus.DONE)
    return next(done, None)


@dataclass(frozen=True)
class Neighbour:
    """A sample near another one; `angle` in radians."""

    position: int
    id: str
    label: str | None
    angle: float


def neighbours_of(ws: Workspace, run_id: str, position: int) -> dict[str, list[Neighbour]]:
    """Return the nearest samples of the same class ("same") and of other classes ("other").

    For regression the nearest of all are under "same".
    """
    found = ws.run_neighbours(run_id, position)
    samples = ws.run_samples(run_id)
    return {
        side: _neighbour_list(samples, found[f"{side}_index"], found[f"{side}_distance"])
        for side in ("same", "other")
    }


def _neighbour_list(samples: pd.DataFrame, index: Any, distance: Any) -> list[Neighbour]:
    ids, labels = samples["id"], samples["given_label"]
    return [
        Neighbour(int(at), str(ids.iat[at]), _text(labels.iat[at]), float(angle))
        for at, angle in zip(index, distance, strict=True)
        if at >= 0
    ]


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)


def find_position(ws: Workspace, run_id: str, sample_id: str) -> int:
    """Return the position of a sample in dataset order.

    Raises:
        NotFoundError: no such sample in the run.
    """
    matches = ws.run_samples(run_id).index[ws.run_samples(run_id)["id"] == sample_id]
    if len(matches) == 0:
        raise NotFoundError(f"There is no sample {sample_id!r} in run {run_id}.")
    return int(matches[0])
