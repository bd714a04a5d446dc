"""load: any readable source -> Dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from dvaudit.core.dataset import Dataset, Origin, Role, Task
from dvaudit.core.errors import SettingsError, UnreadableInputError
from dvaudit.core.progress import Progress, silent
from dvaudit.readers import arrays, image_data, roles, table_data, tables
from dvaudit.readers.formats import TABLES, detect
from dvaudit.readers.labels import parse_task
from dvaudit.readers.raw import RawTable

LABEL_OF_Y = "label"


@dataclass(frozen=True)
class Wishes:
    """What a person set about columns and task; everything else is guessed."""

    label: str | None = None
    id: str | None = None
    group: str | None = None
    roles: Mapping[str, Role | str] = field(default_factory=dict)
    task: Task | None = None
    sheet: str | None = None

    def named(self) -> dict[str, str | None]:
        """The three roles that have a parameter of their own."""
        return {"label": self.label, "id": self.id, "group": self.group}

    def refuse_columns(self, what: str) -> None:
        """Refuse roles for data without named columns.

        Raises:
            SettingsError: where any was set.
        """
        asked = [*self.roles, *(column for column in self.named().values() if column)]
        if asked:
            raise SettingsError(f"{what} has no named columns, so no column {asked[0]!r}.")


def load(
    source: Any,
    *,
    label: str | None = None,
    id: str | None = None,
    group: str | None = None,
    roles: Mapping[str, Role | str] | None = None,
    task: Task | str | None = None,
    name: str | None = None,
    sheet: str | None = None,
    progress: Progress = silent,
) -> Dataset:
    """Read a dataset.

    Args:
        source: path of a zip or folder of images, CSV, Parquet, Excel, JSON lines or npz file;
            a pandas DataFrame; or (X, y), feature vectors taken as they are (y may be None).
        label, id, group: names of those columns; guessed from names and values where None.
        roles: role of further columns, by name; they win over guesses, not over the three above.
        task: classification, regression or unsupervised; guessed from the labels where None.
        name: what to call the dataset; the file's name without suffix where None.
        sheet: sheet of an Excel file; the first where None.

    Raises:
        UnreadableInputError: nothing that can be read; what fails in part is in `unreadable`.
        SettingsError: a column, role, sheet or task that does not exist.
    """
    wishes = Wishes(label, id, group, roles or {}, parse_task(task), sheet)
    progress(0.0, "reading")
    if isinstance(source, (str, Path)):
        data = load_path(Path(source), wishes, name, progress)[0]
    elif isinstance(source, pd.DataFrame):
        data = _load_frame(source, wishes, name, progress)
    elif isinstance(source, tuple) and len(source) == 2:
        data = _load_pair(source[0], source[1], wishes, name, progress)
    else:
        raise UnreadableInputError(
            f"a {type(source).__name__} is not read; give a path, a DataFrame, or (X, y)."
        )
    progress(1.0, "read")
    return data


def load_path(
    path: Path, wishes: Wishes, name: str | None, progress: Progress = silent
) -> tuple[Dataset, RawTable | None]:
    """Read a file or folder; for tables, also as the columns came."""
    path = path.expanduser().absolute()
    format = detect(path)
    called = name or (path.name if path.is_dir() else path.stem)
    if format in TABLES:
        raw = table_data.read_table(path, format, wishes.sheet)
        return _table(raw, wishes, called, str(path), format, progress), raw
    if format == "npz":
        wishes.refuse_columns(path.name)
        return arrays.load_npz(path, name=called, task=wishes.task), None
    data = image_data.load_images(
        path,
        format,
        name=called,
        given=wishes.roles,
        named=wishes.named(),
        task=wishes.task,
        progress=progress,
    )
    return data, None


def _load_frame(
    frame: pd.DataFrame, wishes: Wishes, name: str | None, progress: Progress
) -> Dataset:
    raw = tables.read_frame(frame)
    return _table(raw, wishes, name or "DataFrame", "", "dataframe", progress)


def _load_pair(x: Any, y: Any, wishes: Wishes, name: str | None, progress: Progress) -> Dataset:
    if not arrays.is_numeric_frame(x):
        if y is None:
            return _load_frame(x, wishes, name, progress)
        if len(x) != len(y):
            raise UnreadableInputError(f"X has {len(x):,} rows and y has {len(y):,}.")
        column = str(getattr(y, "name", None) or LABEL_OF_Y)
        while column in x.columns:
            column += "_y"
        joined = x.reset_index(drop=True).assign(**{column: list(y)})
        return _load_frame(joined, Wishes(**{**vars(wishes), "label": column}), name, progress)
    wishes.refuse_columns("(X, y)")
    parts = {"x": x} if y is None else {"x": x, "y": y}
    return arrays.from_arrays(
        parts, origin=Origin("", "arrays"), name=name or "arrays", task=wishes.task
    )


def _table(
    raw: RawTable, wishes: Wishes, name: str, path: str, format: str, progress: Progress
) -> Dataset:
    labelled = wishes.task is not Task.UNSUPERVISED
    chosen = roles.choose(raw.columns, wishes.roles, **wishes.named(), labelled=labelled)
    return table_data.build(
        raw, chosen, name=name, path=path, format=format, task=wishes.task, progress=progress
    )
