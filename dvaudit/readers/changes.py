"""What decisions change in a dataset, and how a label is written in a format's own type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dvaudit.core.dataset import Dataset, Task
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import NotFoundError, UnreadableInputError, UnsuitableDataError, some
from dvaudit.readers.raw import as_text, is_missing


@dataclass(frozen=True)
class Changes:
    """New label text and dropped samples by position; KEEP and UNSURE change nothing.

    `notes` collects what a person should know of the written file.
    """

    labels: Mapping[int, str]
    drop: frozenset[int]
    notes: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.labels or self.drop)


def changes_of(data: Dataset, decisions: Mapping[str, Decision], notes: list[str]) -> Changes:
    """Collect what differs from the given labels.

    Raises:
        NotFoundError: decisions on samples the dataset does not have.
        UnsuitableDataError: a label that is no number, for regression; or all samples dropped.
    """
    position = {name: i for i, name in enumerate(data.ids)}
    unknown = [repr(name) for name in decisions if name not in position]
    if unknown:
        raise NotFoundError(
            f"{len(unknown):,} decisions are on samples that {data.name} does not have: "
            f"{some(unknown)}."
        )
    given = data.label_text()
    labels: dict[int, str] = {}
    drop: set[int] = set()
    for name, decision in decisions.items():
        index = position[name]
        if decision.verdict is Verdict.DROP:
            drop.add(index)
        elif decision.verdict is Verdict.RELABEL and decision.label != given[index]:
            assert decision.label is not None
            labels[index] = decision.label
    if len(drop) == len(data):
        raise UnsuitableDataError(f"all {len(data):,} samples of {data.name} would be dropped.")
    _check_labels(data, labels)
    return Changes(labels, frozenset(drop), notes)


def native_labels(wanted: Iterable[str], present: Sequence[Any]) -> dict[str, Any]:
    """Return each label text as a value of the type that a label column holds.

    A label that occurs in `present` is written exactly as there; a new one is converted to
    the type of the others.

    Raises:
        UnsuitableDataError: a new label that this type cannot hold.
    """
    known: dict[str, Any] = {}
    for value in present:
        if not is_missing(value):
            known.setdefault(as_text(value).strip(), value)
    return {text: known[text] if text in known else _convert(text, known) for text in wanted}


def changed_since(name: str) -> UnreadableInputError:
    """The error for a source that is no longer what was loaded."""
    return UnreadableInputError(
        f"{name} has changed since it was loaded, so decisions no longer fit it. Load it again."
    )


def _check_labels(data: Dataset, labels: Mapping[int, str]) -> None:
    blank = [repr(data.ids[i]) for i, text in labels.items() if not text.strip()]
    if blank:
        raise UnsuitableDataError(f"{len(blank)} new labels are empty: {some(blank)}.")
    if data.task is not Task.REGRESSION:
        return
    for index, text in labels.items():
        try:
            float(text)
        except ValueError:
            raise UnsuitableDataError(
                f"the new label of {data.ids[index]!r} is {text!r}; regression needs a number."
            ) from None


def _convert(text: str, known: Mapping[str, Any]) -> Any:
    values = list(known.values())
    if not values or any(isinstance(value, str) for value in values):
        return text
    whole = all(float(value).is_integer() for value in values if hasattr(value, "__float__"))
    try:
        if all(isinstance(value, bool) for value in values):
            raise ValueError
        return int(text) if whole and text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        raise UnsuitableDataError(
            f"'{text}' cannot be a label here: the others are {type(values[0]).__name__}s such as "
            f"{some(known)}."
        ) from None
