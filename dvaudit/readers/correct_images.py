"""Corrected copies of image datasets: a zip whose images are byte for byte the original ones."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from dvaudit.core.dataset import Dataset
from dvaudit.core.errors import UnreadableInputError, UnsuitableDataError
from dvaudit.core.progress import Progress
from dvaudit.readers import archive, folder
from dvaudit.readers.changes import Changes, changed_since
from dvaudit.readers.correct_tables import corrected_csv, record_changes
from dvaudit.readers.image_data import list_files
from dvaudit.readers.images import FolderImages, ZipImages

Open = Callable[[str], IO[bytes]]
_IN_MEMORY = 16 << 20


@dataclass(frozen=True)
class Entry:
    """A file of the source: its key there, and its header for the copy."""

    key: str
    info: zipfile.ZipInfo


def write_images(
    data: Dataset, changes: Changes, source: Path, target: Path, progress: Progress
) -> None:
    """Copy every file of a zip or folder into a zip, with corrections.

    With class folders, a relabelled image moves to the folder of its new class, below the same
    parent folder; with labels.csv its cell there changes. Dropped images are left out. All other
    files are copied too, but for damaged members of a zip, which are noted.

    Raises:
        UnreadableInputError: the source is gone or its images have changed.
        UnsuitableDataError: a label that cannot be a folder's name or a cell.
    """
    keys = _keys(data)
    position = {key: i for i, key in enumerate(keys)}
    labels_file = data.origin.options.get("labels_file")
    moved = {} if labels_file else _new_names(data, changes, keys)
    with (
        _opened(source, data.origin.format) as (entries, open_entry),
        zipfile.ZipFile(target, "w", allowZip64=True) as out,
    ):
        if not set(keys) <= {entry.key for entry in entries}:
            raise changed_since(source.name)
        for number, entry in enumerate(entries):
            if number % 200 == 0:
                progress(number / len(entries), f"copying files: {number:,} of {len(entries):,}")
            index = position.get(entry.key)
            if index in changes.drop:
                continue
            if entry.key == labels_file:
                with open_entry(entry.key) as file:
                    content = _corrected_labels(data, changes, source, file.read())
                out.writestr(entry.info, content)
            elif index is None:
                _copy(out, entry, open_entry, changes)
            else:
                entry.info.filename = moved.get(index, entry.info.filename)
                out.writestr(entry.info, _image(data, index, source.name))


def _keys(data: Dataset) -> tuple[str, ...]:
    assert isinstance(data.images, (ZipImages, FolderImages))
    return data.images.keys


def _new_names(data: Dataset, changes: Changes, keys: tuple[str, ...]) -> dict[int, str]:
    """Return the new path of each relabelled image, unique among all that stay."""
    names = _shown_names(data, keys)
    given = data.label_text()
    folders: dict[tuple[str, str], str] = {}
    for name, label in zip(names, given, strict=True):
        if label is not None:
            path = PurePosixPath(name).parent
            folders.setdefault((str(path.parent), label), path.name)
    taken = {
        _same(name)
        for i, name in enumerate(names)
        if i not in changes.labels and i not in changes.drop
    }
    moved: dict[int, str] = {}
    for index, label in changes.labels.items():
        path = PurePosixPath(names[index])
        above = path.parent.parent
        name = folders.get((str(above), label)) or _folder_name(label)
        wanted = new = above / name / path.name
        count = 1
        while _same(str(new)) in taken:
            count += 1
            new = wanted.with_name(f"{wanted.stem}-{count}{wanted.suffix}")
        if new != wanted:
            changes.notes.append(f"{path} is written as {new}: {wanted} is another image.")
        taken.add(_same(str(new)))
        moved[index] = str(new)
    return moved


def _shown_names(data: Dataset, keys: tuple[str, ...]) -> list[str]:
    if data.origin.format == "image-folder":
        return list(keys)
    source = Path(data.origin.path)
    with archive.open_archive(source) as opened:
        shown = {info.filename: archive.display_name(info) for info in opened.infolist()}
    try:
        return [shown[key] for key in keys]
    except KeyError:
        raise changed_since(source.name) from None


def _folder_name(label: str) -> str:
    if "/" in label or label in (".", "..") or archive.unsafe_name(label):
        raise UnsuitableDataError(
            f"'{label}' cannot be the name of a class folder; choose a label without / or \\."
        )
    return label


def _same(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _corrected_labels(data: Dataset, changes: Changes, source: Path, content: bytes) -> bytes:
    options = data.origin.options
    files = list_files(source, data.origin.format, options["path_column"])
    assert files.table is not None
    record_of = {
        image.key: int(files.table.records[row])
        for image, row in zip(files.images, files.rows, strict=True)
    }
    try:
        records = [record_of[key] for key in _keys(data)]
    except KeyError:
        raise changed_since(source.name) from None
    return corrected_csv(
        content,
        options["labels_file"],
        record_changes(data, changes, records, list(files.table.columns)),
    )


@contextmanager
def _opened(source: Path, format: str) -> Iterator[tuple[list[Entry], Open]]:
    if format == "image-folder":
        found, _ = folder.members(source)
        infos = [
            zipfile.ZipInfo.from_file(source / file.key, file.name, strict_timestamps=False)
            for file in found
        ]
        entries = [Entry(file.key, info) for file, info in zip(found, infos, strict=True)]
        yield entries, lambda key: (source / key).open("rb")
        return
    with archive.open_archive(source) as opened:
        yield [Entry(info.filename, _header(info)) for info in opened.infolist()], opened.open


def _header(info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """A header for the copy: name, time, mode, compression and comment of the original."""
    header = zipfile.ZipInfo(archive.display_name(info), info.date_time)
    header.compress_type = info.compress_type
    header.external_attr = info.external_attr
    header.comment = info.comment
    return header


def _image(data: Dataset, index: int, name: str) -> bytes:
    assert data.images is not None
    try:
        content = data.images.read(index)
    except UnreadableInputError:
        raise changed_since(name) from None
    if hashlib.sha256(content).hexdigest() != data.hashes[index]:
        raise changed_since(f"{data.ids[index]} in {name}")
    return content


def _copy(out: zipfile.ZipFile, entry: Entry, open_entry: Open, changes: Changes) -> None:
    """Copy a file that is no sample; a damaged member cannot be unpacked and is left out."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as content:
        try:
            with open_entry(entry.key) as file:
                shutil.copyfileobj(file, content)
        except (*archive.DAMAGED, NotImplementedError) as error:
            changes.notes.append(f"{entry.info.filename} is left out: damaged ({error}).")
            return
        size = content.tell()
        content.seek(0)
        entry.info.file_size = size  # decides whether the header needs 64-bit sizes
        with out.open(entry.info, "w") as copied:
            shutil.copyfileobj(content, copied)
