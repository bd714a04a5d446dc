"""Which file is an image and which class it has, from names alone."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from dvaudit.core.dataset import Unreadable
from dvaudit.core.errors import UnreadableInputError, some
from dvaudit.core.pictures import SUFFIXES
from dvaudit.readers.archive import Member

LABELS_FILE = "labels.csv"
_ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"})


@dataclass(frozen=True)
class Layout:
    """Images in input order with their classes; `classes` is None where folders name none."""

    images: tuple[Member, ...]
    classes: tuple[str, ...] | None
    left_out: tuple[Unreadable, ...]
    notes: tuple[str, ...] = ()


def split(files: Sequence[Member]) -> tuple[list[Member], Member | None, list[Unreadable]]:
    """Return images by suffix (or none), the labels.csv if there is one, and what is neither.

    Raises:
        UnreadableInputError: two labels.csv equally near the top.
    """
    labels = _labels_file(files)
    images: list[Member] = []
    left_out: list[Unreadable] = []
    for file in files:
        suffix = PurePosixPath(file.name).suffix.lower()
        if file is labels:
            continue
        if suffix in SUFFIXES or not suffix:
            images.append(file)
        elif suffix in _ARCHIVES:
            left_out.append(Unreadable(file.name, "an archive inside; it is not opened"))
        else:
            left_out.append(Unreadable(file.name, "not an image by its name"))
    return images, labels, left_out


def by_folder(images: Sequence[Member]) -> Layout:
    """Take the folder directly above each image as its class.

    Images above the class folders have no class and are left out; where no image is in a folder,
    all are taken without labels.
    """
    parents = [PurePosixPath(image.name).parent for image in images]
    top = common_folder(parents)
    if all(parent == PurePosixPath(".") for parent in parents):
        note = (
            "There are no class folders: the images have no labels. Put each class in a folder "
            "of its own, or add labels.csv with the columns path and label."
        )
        return Layout(tuple(images), None, (), (note,))
    several = any(parent != top for parent in parents)
    kept: list[Member] = []
    classes: list[str] = []
    left_out: list[Unreadable] = []
    for image, parent in zip(images, parents, strict=True):
        if several and parent == top:
            left_out.append(Unreadable(image.name, "lies above the class folders: no label"))
        else:
            kept.append(image)
            classes.append(unicodedata.normalize("NFC", parent.name))
    return Layout(tuple(kept), tuple(classes), tuple(left_out))


def common_folder(folders: Sequence[PurePosixPath]) -> PurePosixPath:
    """Return the deepest folder that holds all the given ones."""
    if not folders:
        return PurePosixPath(".")
    first, last = min(folder.parts for folder in folders), max(folder.parts for folder in folders)
    shared = 0
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    return PurePosixPath(*first[:shared])


class Finder:
    """Finds the image a labels.csv means, below the folder it lies in."""

    def __init__(self, images: Sequence[Member], base: str) -> None:
        self._base = PurePosixPath(base)
        self._paths = {_key(image.name): i for i, image in enumerate(images)}
        self._names = _unambiguous([PurePosixPath(image.name).name for image in images])
        self._stems = _unambiguous([PurePosixPath(image.name).stem for image in images])

    def find(self, written: str) -> int | None:
        """Return the position of an image by its path, else by file name, else by name alone.

        The last two only where a single image has that name.
        """
        path = PurePosixPath(written.replace("\\", "/"))
        for candidate in (self._base / path, path):
            if _key(str(candidate)) in self._paths:
                return self._paths[_key(str(candidate))]
        if len(path.parts) > 1:
            return None
        by_name = self._names.get(_key(path.name))
        return self._stems.get(_key(path.name)) if by_name is None else by_name


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", str(PurePosixPath(name)))


def _unambiguous(names: Sequence[str]) -> dict[str, int]:
    positions: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        positions.setdefault(_key(name), []).append(index)
    return {name: found[0] for name, found in positions.items() if len(found) == 1}


def _labels_file(files: Sequence[Member]) -> Member | None:
    found = [file for file in files if PurePosixPath(file.name).name.lower() == LABELS_FILE]
    if not found:
        return None
    depths = [len(PurePosixPath(file.name).parts) for file in found]
    nearest = [file for file, depth in zip(found, depths, strict=True) if depth == min(depths)]
    if len(nearest) > 1:
        raise UnreadableInputError(
            f"{len(nearest)} files are called {LABELS_FILE}: "
            f"{some(file.name for file in nearest)}. Load each folder on its own."
        )
    return nearest[0]
