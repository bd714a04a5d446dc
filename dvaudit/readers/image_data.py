"""Zips and folders of images -> Dataset of kind IMAGE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, ImageSource, Kind, Origin, Role, Task, Unreadable
from dvaudit.core.errors import SettingsError, UnreadableInputError, some
from dvaudit.core.progress import Progress, part
from dvaudit.readers import archive, folder, identity, labels, layout, table_data, verify
from dvaudit.readers import roles as guessing
from dvaudit.readers.archive import Member
from dvaudit.readers.csv_table import read_csv
from dvaudit.readers.images import FolderImages, ZipImages
from dvaudit.readers.raw import Content, RawColumn, RawTable


@dataclass(frozen=True, eq=False)
class Files:
    """What a zip or folder holds, before anything is decoded.

    `table` is labels.csv where there is one; `rows` (n,) are then the images' rows in it.
    """

    path: Path
    format: str
    images: tuple[Member, ...]
    classes: tuple[str, ...] | None
    table: RawTable | None
    rows: NDArray[np.int64]
    unreadable: tuple[Unreadable, ...]
    notes: tuple[str, ...]
    options: Mapping[str, Any]

    def source(self) -> ImageSource:
        """Random access to the images' bytes."""
        keys = [image.key for image in self.images]
        return open_source(self.path, self.format, keys)

    def class_column(self) -> RawColumn | None:
        """The folder names as a label column; None for labels.csv or where there are none."""
        if self.classes is None:
            return None
        # Not text_column: a folder called NA or null is a class like any other.
        names = list(dict.fromkeys(self.classes))
        values = np.empty(len(names), dtype=object)
        values[:] = names
        position = {name: i for i, name in enumerate(names)}
        codes = np.array([position[name] for name in self.classes], dtype=np.int64)
        return RawColumn("folder", Content.TEXT, values, codes)


def open_source(path: Path, format: str, keys: Sequence[str]) -> ImageSource:
    """Return the images of a zip or folder by their keys."""
    return ZipImages(path, keys) if format == "image-zip" else FolderImages(path, keys)


def list_files(path: Path, format: str, chosen_path: str | None = None) -> Files:
    """Find images and their labels by name; nothing is decoded.

    Raises:
        UnreadableInputError: an unsafe archive, no images, or a labels.csv that cannot be used.
    """
    members, unreadable = _members(path, format)
    images, labels_file, left_out = layout.split(members)
    unreadable += left_out
    if not images:
        listed = some(f"{item.name} ({item.reason})" for item in unreadable)
        raise UnreadableInputError(f"{path.name} holds no images. It holds: {listed or 'nothing'}.")
    if labels_file is None:
        found = layout.by_folder(images)
        return Files(
            path, format, found.images, found.classes, None, np.zeros(0, dtype=np.int64),
            (*unreadable, *found.left_out), found.notes, {"layout": "folders"},
        )  # fmt: skip
    source = open_source(path, format, [labels_file.key])
    raw = read_csv(source.read(0), labels_file.name)
    column = chosen_path or _path_column(raw, images, labels_file)
    positions, rows, missing = _join(raw, column, images, labels_file)
    options = {"layout": "labels.csv", "labels_file": labels_file.key, "path_column": column}
    return Files(
        path, format, tuple(images[i] for i in positions), None, raw, rows,
        (*unreadable, *raw.unreadable, *missing), raw.notes, {**raw.options, **options},
    )  # fmt: skip


def load_images(
    path: Path,
    format: str,
    *,
    name: str,
    given: Mapping[str, Role | str],
    named: Mapping[str, str | None],
    task: Task | None,
    progress: Progress,
) -> Dataset:
    """Read, decode and label every image; what cannot be decoded is listed.

    Raises:
        UnreadableInputError: as list_files, or no image that can be decoded.
        SettingsError: roles that the columns do not allow.
    """
    progress(0.0, "listing files")
    wanted = [column for column, role in given.items() if role == Role.PATH]
    files = list_files(path, format, wanted[0] if wanted else None)
    chosen = choose_roles(files, given, named, labelled=task is not Task.UNSUPERVISED)
    source = files.source()
    checked = verify.check_all(source, part(progress, 0.05, 0.95))
    good = [i for i, item in enumerate(checked) if item.problem is None]
    damaged = tuple(
        Unreadable(files.images[i].name, item.problem)
        for i, item in enumerate(checked)
        if item.problem is not None
    )
    if not good:
        listed = some(f"{item.name}: {item.reason}" for item in damaged)
        raise UnreadableInputError(f"no image in {name} can be read: {listed}.")
    return _dataset(files, chosen, name, task, good, checked, damaged)


def choose_roles(
    files: Files,
    given: Mapping[str, Role | str],
    named: Mapping[str, str | None],
    *,
    labelled: bool = True,
) -> guessing.Chosen:
    """Return the roles of the columns of labels.csv; none for class folders.

    Args:
        labelled: whether a column may be guessed to be the label.

    Raises:
        SettingsError: a column where there is no labels.csv, or one that is not in it.
    """
    if files.table is None:
        asked = [*given, *(column for column in named.values() if column)]
        if asked:
            raise SettingsError(
                f"{files.path.name} has no {layout.LABELS_FILE}, so it has no column {asked[0]!r}; "
                f"the label of an image is the folder it lies in."
            )
        return guessing.Chosen({}, ())
    fixed = {**given, files.options["path_column"]: Role.PATH}
    chosen = guessing.choose(files.table.columns, fixed, **named, labelled=labelled)
    if named.get("id") or Role.ID in given.values():
        return chosen
    # The path names an image; a column of keys does so only where a person asks for it.
    roles: dict[str, Role] = {
        name: Role.IGNORED if role is Role.ID else role for name, role in chosen.roles.items()
    }
    return guessing.Chosen(roles, chosen.notes)


def _dataset(
    files: Files,
    chosen: guessing.Chosen,
    name: str,
    task: Task | None,
    good: list[int],
    checked: list[verify.Checked],
    damaged: tuple[Unreadable, ...],
) -> Dataset:
    images = [files.images[i] for i in good]
    raw = None if files.table is None else subset(files.table, files.rows[good])
    column = _label_column(files, raw, chosen, good)
    coded = labels.encode(column, task)
    ids = tuple(image.name for image in images)
    frame, groups, trusted = None, None, None
    notes: list[str] = []
    if raw is not None:
        id_column, group = chosen.only(Role.ID), chosen.only(Role.GROUP)
        ids = ids if id_column is None else table_data.row_ids(raw, id_column)
        frame, notes = table_data.features(raw, chosen.roles)
        groups = table_data.group_names(raw.columns[group] if group else None)
        mark = chosen.only(Role.TRUSTED)
        trusted = table_data.trusted_rows(raw.columns[mark] if mark else None)
    hashes = tuple(checked[i].digest for i in good)
    kept = [checked[i] for i in good]
    return Dataset(
        name=name,
        ids=ids,
        kind=Kind.IMAGE,
        task=coded.task,
        labels=coded.codes,
        class_names=coded.class_names,
        hashes=hashes,
        fingerprint=identity.fingerprint(
            Kind.IMAGE, coded.task, coded.class_names, ids, coded.codes, hashes,
            groups=groups, trusted=trusted,
        ),
        origin=Origin(
            str(files.path), files.format,
            {**files.options, "label": column.name if column else None},
        ),
        images=open_source(files.path, files.format, [image.key for image in images]),
        table=frame if frame is not None and frame.shape[1] else None,
        roles=chosen.roles,
        groups=groups,
        trusted=trusted,
        unreadable=(*files.unreadable, *damaged),
        notes=(*files.notes, *chosen.notes, *coded.notes, *notes, *verify.describe(kept)),
    )  # fmt: skip


def _label_column(
    files: Files, raw: RawTable | None, chosen: guessing.Chosen, good: list[int]
) -> RawColumn | None:
    if raw is not None:
        label = chosen.only(Role.LABEL)
        return raw.columns[label] if label else None
    column = files.class_column()
    return None if column is None else pick(column, np.array(good, dtype=np.int64))


def subset(raw: RawTable, rows: NDArray[np.int64]) -> RawTable:
    """Return some rows of a table, in the given order."""
    columns = {name: pick(column, rows) for name, column in raw.columns.items()}
    return RawTable(columns, raw.records[rows], raw.options, raw.unreadable, raw.notes)


def pick(column: RawColumn, rows: NDArray[np.int64]) -> RawColumn:
    """Return some rows of a column; values that no longer occur are gone."""
    codes = column.codes[rows]
    present, inverse = np.unique(codes[codes >= 0], return_inverse=True)
    new = np.full(len(codes), -1, dtype=np.int64)
    new[codes >= 0] = inverse
    return RawColumn(column.name, column.content, column.values[present], new)


def _members(path: Path, format: str) -> tuple[list[Member], list[Unreadable]]:
    if format == "image-folder":
        return folder.members(path)
    with archive.open_archive(path) as opened:
        return archive.members(opened, path.name), []


def _path_column(raw: RawTable, images: Sequence[Member], labels_file: Member) -> str:
    """The column by name, else the first whose values are mostly names of images."""
    by_name = {name.lower(): name for name in reversed(list(raw.columns))}
    named = [by_name[name] for name in guessing.PATH_NAMES if name in by_name]
    finder = _finder(images, labels_file)
    for name in [*named, *(other for other in raw.columns if other not in named)]:
        texts = raw.columns[name].texts()
        found = sum(finder.find(text) is not None for text in texts[:1000])
        if found > 0.5 * len(texts[:1000]):
            return name
    if named:
        return named[0]
    raise UnreadableInputError(
        f"no column of {labels_file.name} holds the paths of images; it has: "
        f"{some(raw.columns, 12)}. Call it path, with paths such as {images[0].name}."
    )


def _join(
    raw: RawTable, column: str, images: Sequence[Member], labels_file: Member
) -> tuple[list[int], NDArray[np.int64], list[Unreadable]]:
    """Match rows and images; return image positions in row order, their rows, and the rest."""
    if column not in raw.columns:
        raise SettingsError(f"{labels_file.name} has no column '{column}'.")
    finder = _finder(images, labels_file)
    written = raw.columns[column].cells()
    found = [None if text is None else finder.find(str(text)) for text in written]
    rows = [row for row, position in enumerate(found) if position is not None]
    positions = [position for position in found if position is not None]
    if not positions:
        raise UnreadableInputError(
            f"none of the {len(found):,} paths in column '{column}' of {labels_file.name} is an "
            f"image here; the first is {written[0]!r}, the first image {images[0].name!r}."
        )
    identity.require_unique(
        (images[position].name for position in positions), f"the paths in {labels_file.name}"
    )
    used = set(positions)
    name = PurePosixPath(labels_file.name).name
    missing = [
        Unreadable(
            f"{name} row {raw.records[row]}",
            "no path" if written[row] is None else f"there is no image {written[row]!r}",
        )
        for row, position in enumerate(found)
        if position is None
    ]
    missing += [
        Unreadable(image.name, f"not in {name}: no label")
        for position, image in enumerate(images)
        if position not in used
    ]
    return positions, np.array(rows, dtype=np.int64), missing


def _finder(images: Sequence[Member], labels_file: Member) -> layout.Finder:
    return layout.Finder(images, str(PurePosixPath(labels_file.name).parent))
