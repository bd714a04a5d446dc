"""Two datasets as one, and some rows of one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from datasets_in_memory import image_dataset, picture
from vectors import vector_dataset

from dvaudit.core.dataset import Kind, Role, Task
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.joining import joined, take


def _vectors(n: int, names: tuple[str, ...], codes: list[int]):
    made = vector_dataset(np.arange(3.0 * n).reshape(n, 3), np.array(codes))
    return replace(made, class_names=names)


def test_classes_are_matched_by_name() -> None:
    data = _vectors(3, ("cat", "dog"), [0, 1, -1])
    trusted = _vectors(3, ("dog", "emu"), [0, 1, -1])
    both = joined(data, trusted)
    assert both.class_names == ("cat", "dog", "emu")
    assert both.labels.tolist() == [0, 1, -1, 1, 2, -1]
    assert both.vectors.shape == (6, 3)
    assert len(set(both.ids)) == 6
    assert both.fingerprint not in (data.fingerprint, trusted.fingerprint)


def test_sets_without_a_common_class_are_refused() -> None:
    data, other = _vectors(2, ("cat", "dog"), [0, 1]), _vectors(2, ("rich", "poor"), [0, 1])
    with pytest.raises(UnsuitableDataError, match=r"no class in common: cat, dog and rich, poor"):
        joined(data, other)


def test_images_are_read_from_their_own_source() -> None:
    files = [picture(size=(8, side)) for side in (8, 9, 10)]
    data, trusted = image_dataset(files[:2]), image_dataset(files[2:])
    both = joined(data, trusted)
    assert [both.images.read(i) for i in range(3)] == files
    assert take(both, np.array([2, 0])).images.read(0) == files[2]


def test_tables_are_joined_by_column_name() -> None:
    roles = {"a": Role.NUMERIC, "b": Role.NUMERIC, "y": Role.LABEL}
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    base = replace(_vectors(2, ("x", "y"), [0, 1]), kind=Kind.TABULAR, vectors=None)
    data = replace(base, table=frame, roles=roles)
    trusted = replace(base, table=frame[["b", "a"]] * 10, roles=roles)
    assert joined(data, trusted).table["a"].tolist() == [1, 2, 10, 20]
    lacking = replace(trusted, table=frame[["a"]], roles={"a": Role.NUMERIC, "y": Role.LABEL})
    with pytest.raises(UnsuitableDataError, match=r"lacks 1 feature columns .* b\b"):
        joined(data, lacking)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"kind": Kind.IMAGE}, "kind"),
        ({"task": Task.REGRESSION}, "task"),
        ({"vectors": np.zeros((3, 2))}, "dimensions"),
    ],
)
def test_sets_of_another_form_are_refused(change: dict[str, object], word: str) -> None:
    data = _vectors(3, ("a", "b"), [0, 1, 0])
    with pytest.raises(UnsuitableDataError, match=f"differ in {word}"):
        joined(data, replace(data, **change))


def test_taking_rows_keeps_everything_in_step() -> None:
    data = replace(
        _vectors(4, ("a", "b"), [0, 1, 0, 1]),
        groups=np.array(["p", "q", "p", "q"], dtype=object),
        trusted=np.array([True, False, False, True]),
    )
    part = take(data, np.array([3, 0]))
    assert part.ids == ("3", "0")
    assert part.labels.tolist() == [1, 0]
    assert part.vectors.tolist() == data.vectors[[3, 0]].tolist()
    assert part.groups.tolist() == ["q", "p"]
    assert part.trusted.tolist() == [True, True]
    assert part.fingerprint != take(data, np.array([0, 3])).fingerprint
