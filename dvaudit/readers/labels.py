"""A label column -> codes and class names, or numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import MISSING_CLASS, Task
from dvaudit.core.errors import SettingsError, UnreadableInputError, some
from dvaudit.core.words import count
from dvaudit.readers.raw import Content, RawColumn
from dvaudit.readers.typed import as_numbers, looks_numeric

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True, eq=False)
class Labels:
    """What Dataset holds of labels: `codes` (n,) with `class_names`, or numbers, or None."""

    task: Task
    codes: NDArray[np.int64] | NDArray[np.float64] | None
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def guess_task(column: RawColumn) -> Task:
    """Regression where the values are numbers and too many to be classes."""
    if not looks_numeric(column) or column.content is Content.BOOLEAN:
        return Task.CLASSIFICATION
    values = as_numbers(column).values
    present = len(column.codes) - column.missing
    distinct = len(values)
    if np.nanmax(np.abs(values % 1)) > 0:  # fractions
        many = distinct > 10 or distinct > present / 2
    else:  # class numbers repeat; counts, ages and prices repeat little
        many = distinct > 50 and distinct > present / 10
    return Task.REGRESSION if many else Task.CLASSIFICATION


def parse_task(task: Task | str | None) -> Task | None:
    """Accept a task by its name.

    Raises:
        SettingsError: an unknown one.
    """
    if task is None:
        return None
    try:
        return Task(task)
    except ValueError:
        raise SettingsError(f"'{task}' is no task; choose one of: {', '.join(Task)}.") from None


def encode(column: RawColumn | None, task: Task | None) -> Labels:
    """Turn a column into labels; the task is guessed where it is None.

    Raises:
        UnreadableInputError: no labels for a task that needs them, or text where numbers are due.
    """
    if task is Task.UNSUPERVISED and column is not None and len(column.values):
        note = f"The labels in '{column.name}' are not used: the data counts as unlabelled."
        return Labels(Task.UNSUPERVISED, None, (), (note,))
    if task is Task.UNSUPERVISED or (column is None and task is None):
        return Labels(Task.UNSUPERVISED, None, ())
    if column is None:
        raise UnreadableInputError(f"{task} needs a label column, and none is named or recognised.")
    if len(column.values) == 0:
        if task is not None:
            raise UnreadableInputError(f"'{column.name}' holds no label: all cells are missing.")
        note = f"'{column.name}' holds no label: the data counts as unlabelled."
        return Labels(Task.UNSUPERVISED, None, (), (note,))
    guessed = guess_task(column) if task is None else task
    labels = _numbers(column) if guessed is Task.REGRESSION else _classes(column)
    notes = list(labels.notes)
    if task is None and guessed is Task.REGRESSION:
        notes.insert(0, f"'{column.name}' holds {len(column.values):,} numbers: regression.")
    if column.missing:
        notes.append(f"{column.missing:,} of {len(column.codes):,} labels are missing.")
    return Labels(labels.task, labels.codes, labels.class_names, tuple(notes))


def ordered(names: Sequence[str]) -> list[str]:
    """Sort class names as numbers where all are numbers, else as text."""
    if all(_NUMBER.fullmatch(name) for name in names):
        return sorted(names, key=lambda name: (float(name), name))
    return sorted(names)


def _classes(column: RawColumn) -> Labels:
    texts = column.texts()
    names = ordered(sorted(set(texts)))
    position = {name: code for code, name in enumerate(names)}
    remap = np.array([*(position[text] for text in texts), MISSING_CLASS], dtype=np.int64)
    codes = remap[column.codes]
    return Labels(Task.CLASSIFICATION, codes, tuple(names), tuple(_class_notes(names, codes)))


def _class_notes(names: list[str], codes: NDArray[np.int64]) -> list[str]:
    notes = []
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    single = [f"'{names[i]}'" for i in np.flatnonzero(counts == 1)]
    if len(names) == 1:
        notes.append(f"All labels are '{names[0]}': with one class no label can look wrong.")
    elif single:
        few = count(len(single), "class has", "classes have")
        notes.append(f"{few} a single sample: {some(single)}.")
    folded: dict[str, list[str]] = {}
    for name in names:
        folded.setdefault(" ".join(name.casefold().split()), []).append(f"'{name}'")
    alike = [names for names in folded.values() if len(names) > 1]
    return notes + [f"Classes differ in case or blanks only: {some(names)}." for names in alike]


def _numbers(column: RawColumn) -> Labels:
    parsed = as_numbers(column)
    if parsed.failed:
        failed = np.flatnonzero(np.isnan(parsed.values))
        rows = np.flatnonzero(np.isin(column.codes, failed))
        raise UnreadableInputError(
            f"Regression needs numbers, and '{column.name}' holds {len(parsed.failed)} other "
            f"values: {some(map(repr, parsed.failed))}, in rows {some(rows)}."
        )
    values = np.append(parsed.values, np.nan)[column.codes]
    return Labels(Task.REGRESSION, values, (), (parsed.note,) if parsed.note else ())
