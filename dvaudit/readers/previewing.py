"""preview: a first look at a source, with guesses, before anything is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dvaudit.core.dataset import Kind, Role, Task, Unreadable
from dvaudit.core.errors import UnreadableInputError
from dvaudit.readers import arrays, image_data, labels, roles, table_data
from dvaudit.readers.formats import TABLES, detect
from dvaudit.readers.labels import parse_task
from dvaudit.readers.raw import RawColumn, RawTable, as_text, take

HEAD_ROWS = 50
_EXAMPLES = 5


@dataclass(frozen=True)
class ColumnPreview:
    """A column: its guessed role, first distinct values, and how many cells are missing."""

    name: str
    role: Role
    examples: tuple[str, ...]
    distinct: int
    missing: int
    note: str = ""


@dataclass(frozen=True, eq=False)
class Preview:
    """What a source holds.

    Attributes:
        head: the first rows as text, empty where missing.
        problems: what `load` refuses with these roles and this task, one line each.
    """

    format: str
    kind: Kind
    rows: int
    columns: tuple[ColumnPreview, ...]
    head: pd.DataFrame
    classes: Mapping[str, int]
    task: Task
    unreadable: tuple[Unreadable, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def preview(
    source: str | Path,
    *,
    label: str | None = None,
    roles: Mapping[str, Role | str] | None = None,
    task: Task | str | None = None,
    sheet: str | None = None,
) -> Preview:
    """Look at a file or folder; images are listed, not decoded.

    Raises:
        UnreadableInputError, SettingsError: as load.
    """
    path = Path(source).expanduser().absolute()
    format = detect(path)
    wanted = parse_task(task)
    if format in TABLES:
        raw = table_data.read_table(path, format, sheet)
        return _of_table(raw, path.name, format, roles or {}, label, wanted)
    if format == "npz":
        return _of_npz(path, wanted)
    return _of_images(path, format, roles or {}, label, wanted)


def _of_table(
    raw: RawTable,
    name: str,
    format: str,
    given: Mapping[str, Role | str],
    label: str | None,
    task: Task | None,
) -> Preview:
    labelled = task is not Task.UNSUPERVISED
    chosen = roles.choose(raw.columns, given, label=label, labelled=labelled)
    coded, refused = _encoded(chosen.only(Role.LABEL), raw.columns, task)
    refused += _refusal(lambda: table_data.row_ids(raw, chosen.only(Role.ID)))
    refused += _refusal(lambda: table_data.require_features(chosen.roles, name))
    return Preview(
        format=format,
        kind=Kind.TABULAR,
        rows=len(raw),
        columns=_columns(raw, chosen.roles),
        head=_head(raw.columns),
        classes=_counts(coded),
        task=coded.task,
        unreadable=raw.unreadable,
        notes=(*raw.notes, *chosen.notes, *coded.notes),
        problems=refused,
    )


def _of_images(
    path: Path,
    format: str,
    given: Mapping[str, Role | str],
    label: str | None,
    task: Task | None,
) -> Preview:
    wanted = [column for column, role in given.items() if role == Role.PATH]
    files = image_data.list_files(path, format, wanted[0] if wanted else None)
    labelled = task is not Task.UNSUPERVISED
    chosen = image_data.choose_roles(files, given, {"label": label}, labelled=labelled)
    raw = None if files.table is None else image_data.subset(files.table, files.rows)
    if raw is not None:
        coded, refused = _encoded(chosen.only(Role.LABEL), raw.columns, task)
        refused += _refusal(lambda: table_data.row_ids(raw, chosen.only(Role.ID)))
        head = _head(raw.columns)
    else:
        column = files.class_column()
        coded, refused = _encoded("folder", {} if column is None else {"folder": column}, task)
        names = [image.name for image in files.images[:HEAD_ROWS]]
        head = pd.DataFrame({"path": names}, dtype=object)
        if files.classes is not None:
            head["label"] = list(files.classes[:HEAD_ROWS])
    return Preview(
        format=format,
        kind=Kind.IMAGE,
        rows=len(files.images),
        columns=() if raw is None else _columns(raw, chosen.roles),
        head=head,
        classes=_counts(coded),
        task=coded.task,
        unreadable=files.unreadable,
        notes=(*files.notes, *chosen.notes, *coded.notes),
        problems=refused,
    )


def _of_npz(path: Path, task: Task | None) -> Preview:
    data = arrays.load_npz(path, name=path.stem, task=task)
    shown = data.label_text()[:HEAD_ROWS]
    head = pd.DataFrame({"id": data.ids[:HEAD_ROWS], "label": shown}, dtype=object)
    if data.vectors is not None:
        for j in range(min(10, data.vectors.shape[1])):
            head[f"x{j}"] = [repr(float(value)) for value in data.vectors[:HEAD_ROWS, j]]
    coded = labels.Labels(data.task, data.labels, data.class_names)
    return Preview(
        "npz", data.kind, len(data), (), head.fillna(""), _counts(coded), data.task, (), data.notes
    )


def _encoded(
    label: str | None, columns: Mapping[str, RawColumn], task: Task | None
) -> tuple[labels.Labels, tuple[str, ...]]:
    """Encode for a look: what load refuses is returned, so that roles can still be set."""
    column = columns.get(label) if label is not None else None
    try:
        return labels.encode(column, task), ()
    except UnreadableInputError as error:
        return labels.Labels(task or Task.UNSUPERVISED, None, ()), (str(error),)


def _refusal(check: Callable[[], object]) -> tuple[str, ...]:
    try:
        check()
    except UnreadableInputError as error:
        return (str(error),)
    return ()


def _columns(raw: RawTable, given: Mapping[str, Role]) -> tuple[ColumnPreview, ...]:
    out = []
    for name, column in raw.columns.items():
        note = roles.feature_role(column)[1] if given[name] is Role.IGNORED else ""
        examples = tuple(as_text(value) for value in column.values[:_EXAMPLES])
        out.append(
            ColumnPreview(name, given[name], examples, len(column.values), column.missing, note)
        )
    return tuple(out)


def _head(columns: Mapping[str, RawColumn]) -> pd.DataFrame:
    head = {}
    for name, column in columns.items():
        first = column.codes[:HEAD_ROWS]
        cells = take(column.values.astype(object), first)
        head[name] = ["" if cell is None else as_text(cell) for cell in cells]
    return pd.DataFrame(head, dtype=object)


def _counts(coded: labels.Labels) -> dict[str, int]:
    if coded.codes is None or coded.task is not Task.CLASSIFICATION:
        return {}
    codes = coded.codes[coded.codes >= 0].astype(np.int64)
    counts = np.bincount(codes, minlength=len(coded.class_names))
    return {name: int(count) for name, count in zip(coded.class_names, counts, strict=True)}
