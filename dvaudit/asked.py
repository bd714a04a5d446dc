"""Files of samples to ask about, read in the form of the data they are asked of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dvaudit import readers
from dvaudit.core.dataset import Dataset, Kind, Role, Task
from dvaudit.core.errors import SettingsError, UnsuitableDataError, some
from dvaudit.core.pictures import SUFFIXES
from dvaudit.readers import Preview

MOST = 200  # samples in one question
_WORDS = {Kind.IMAGE: "pictures", Kind.TABULAR: "a table", Kind.VECTOR: "vectors"}
_GIVE = {
    Kind.IMAGE: "Give one picture, or a zip of pictures.",
    Kind.TABULAR: "Give a table with the same columns.",
    Kind.VECTOR: "Give an npz file with x, and y for the labels.",
}


@dataclass(frozen=True)
class Form:
    """What samples must be like to be asked about in an audit.

    Attributes:
        name: of the data that was audited.
        roles: of its columns.
        classes: those a label may be of; empty for regression.
        width: numbers of a vector; None where there are none.
    """

    name: str
    kind: Kind
    task: Task
    roles: Mapping[str, Role]
    classes: tuple[str, ...]
    width: int | None


def read_asked(path: Path, form: Form, label: str | None) -> Dataset:
    """Return the samples of a file, with the roles, the task and the classes of `form`.

    Args:
        path: one picture in a folder of its own, a zip of pictures, a table, or an npz file.
        label: of samples for which the file has none; a class, or a number for regression. The
            folders of pictures are no labels where none of them is a class and a label is given.

    Raises:
        UnreadableInputError: nothing that can be read.
        UnsuitableDataError: more than MOST samples, data of another form, or labels that are
            missing or unknown.
        SettingsError: a label that is no number, for regression.
    """
    if path.suffix.lower() in SUFFIXES:
        _refuse_kind(path, Kind.IMAGE, form)
        found = readers.load(path.parent, task=Task.UNSUPERVISED, name=path.name)
    else:
        found = _load(path, form)
    return labelled(found, form, label)


def labelled(data: Dataset, form: Form, label: str | None) -> Dataset:
    """Return samples in the task and the classes of `form`; see `read_asked`."""
    _refuse_form(data, form)
    texts = data.label_text()
    if form.task is Task.CLASSIFICATION:
        folders = data.kind is Kind.IMAGE and not data.roles
        if folders and label is not None and not set(texts) & set(form.classes):
            texts[:] = None
        texts = _filled(data, texts, label)
        _refuse_unknown(data, texts, form.classes)
        code_of = {name: code for code, name in enumerate(form.classes)}
        labels: NDArray[Any] = np.array([code_of[text] for text in texts], dtype=np.int64)
    else:
        texts = _filled(data, texts, None if label is None else repr(as_number(label)))
        labels = texts.astype(np.float64)
    return replace(
        data,
        task=form.task,
        labels=labels,
        class_names=form.classes,
        groups=None,
        trusted=None,
    )


def as_number(label: str) -> float:
    """Return the target that a person gave as text.

    Raises:
        SettingsError: not a finite number.
    """
    try:
        number = float(label)
    except ValueError:
        number = float("nan")
    if not np.isfinite(number):
        raise SettingsError(f"The label {label!r} is no number; give one, for instance 12.5.")
    return number


def _load(path: Path, form: Form) -> Dataset:
    seen = readers.preview(path)
    _refuse_kind(path, seen.kind, form)
    if seen.rows > MOST:
        raise UnsuitableDataError(
            f"{path.name} holds {seen.rows:,} samples and a question at most {MOST}; give fewer, "
            "or import them in Data and audit again with them as the trusted set."
        )
    roles = _roles(path, seen, form)
    known = readers.preview(path, roles=roles) if roles else seen
    task = Task.UNSUPERVISED if known.task is Task.UNSUPERVISED else form.task
    return readers.load(path, roles=roles or None, task=task)


def _roles(path: Path, seen: Preview, form: Form) -> Mapping[str, Role]:
    """Return the role of each column that the file has, as in `form`; others are ignored."""
    held = [column.name for column in seen.columns]
    kept = {name: role for name, role in form.roles.items() if _is_kept(role)}
    if form.kind is not Kind.TABULAR:
        return {name: kept[name] for name in held if name in kept}
    _refuse_columns(path.name, held, form)
    return {name: kept.get(name, Role.IGNORED) for name in held}


def _is_kept(role: Role) -> bool:
    return role.is_feature or role in (Role.LABEL, Role.ID)


def _filled(data: Dataset, texts: NDArray[np.object_], label: str | None) -> NDArray[np.object_]:
    """Return the labels with `label` in place of missing ones."""
    missing = [at for at, text in enumerate(texts) if text is None]
    if missing and label is None:
        raise UnsuitableDataError(
            f"{len(missing):,} of {len(data):,} samples have no label: "
            f"{some(data.ids[at] for at in missing)}. Influence is on the loss of a label: choose "
            "the right one, or write it into the file."
        )
    return np.array([label if text is None else text for text in texts], dtype=object)


def _refuse_unknown(data: Dataset, texts: NDArray[np.object_], classes: Sequence[str]) -> None:
    unknown = [at for at, text in enumerate(texts) if text not in set(classes)]
    if unknown:
        names = dict.fromkeys(str(texts[at]) for at in unknown)
        raise UnsuitableDataError(
            f"{len(unknown):,} of {len(data):,} samples are of a class that the audit does not "
            f"know: {some(map(repr, names))}. Its classes are {some(classes, 12)}."
        )


def _refuse_kind(path: Path, kind: Kind, form: Form) -> None:
    if kind is not form.kind:
        raise UnsuitableDataError(
            f"{path.name} holds {_WORDS[kind]}, and {form.name} {_WORDS[form.kind]}. "
            f"{_GIVE[form.kind]}"
        )


def _refuse_columns(name: str, held: Sequence[str], form: Form) -> None:
    missing = [name for name, role in form.roles.items() if role.is_feature and name not in held]
    if missing:
        raise UnsuitableDataError(
            f"{name} lacks {len(missing):,} of the columns that {form.name} has: "
            f"{some(missing)}; it has {some(held, 6)}. Give a table with the same columns."
        )


def _refuse_form(data: Dataset, form: Form) -> None:
    if data.kind is not form.kind:
        raise UnsuitableDataError(
            f"{data.name} holds {_WORDS[data.kind]}, and {form.name} {_WORDS[form.kind]}. "
            f"{_GIVE[form.kind]}"
        )
    if len(data) > MOST:
        raise UnsuitableDataError(
            f"{data.name} holds {len(data):,} samples and a question at most {MOST}; give fewer."
        )
    if data.kind is Kind.TABULAR:
        held = [name for name, role in data.roles.items() if role.is_feature]
        _refuse_columns(data.name, held, form)
    if data.vectors is not None and form.width is not None:
        own, known = data.vectors.shape[1], form.width
        if own != known:
            raise UnsuitableDataError(
                f"The vectors of {data.name} have {own:,} numbers, and those of {form.name} "
                f"{known:,}. Give vectors of the same kind."
            )
