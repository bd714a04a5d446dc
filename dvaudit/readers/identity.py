"""Content hashes of samples and the fingerprint of a dataset."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.dataset import Kind, Role, Task
from dvaudit.core.errors import UnreadableInputError, some

_MISSING = b"-"


def row_hashes(table: pd.DataFrame) -> tuple[str, ...]:
    """Return a SHA-256 per row over its cells; equal features give equal hashes.

    Each cell carries its length, so no two rows with different cells join to the same text.
    """
    columns = [_cell_bytes(table.iloc[:, i]) for i in range(table.shape[1])]
    rows = zip(*columns, strict=True)
    return tuple(hashlib.sha256(b"".join(row)).hexdigest() for row in rows)


def array_hashes(rows: NDArray[np.generic]) -> tuple[str, ...]:
    """Return a SHA-256 per row of an (n, ...) array over its type, shape and bytes."""
    head = f"{rows.dtype.str}{rows.shape[1:]}".encode()
    return tuple(
        hashlib.sha256(head + np.ascontiguousarray(row).tobytes()).hexdigest() for row in rows
    )


def fingerprint(
    kind: Kind,
    task: Task,
    class_names: Sequence[str],
    ids: Sequence[str],
    labels: NDArray[np.int64] | NDArray[np.float64] | None,
    hashes: Sequence[str],
    *,
    groups: NDArray[np.object_] | None = None,
    roles: Mapping[str, Role] | None = None,
    trusted: NDArray[np.bool_] | None = None,
) -> str:
    """Return a SHA-256 over all a valuation depends on, contributors and feature roles included."""
    features = {name: role for name, role in (roles or {}).items() if role.is_feature}
    digest = hashlib.sha256()
    for part in (
        [kind, task, list(class_names), features],
        list(ids),
        None if labels is None else [repr(value) for value in labels.tolist()],
        list(hashes),
        None if groups is None else list(groups),
        *([] if trusted is None else [trusted.tolist()]),
    ):
        digest.update(json.dumps(part, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        digest.update(b"\n")
    return digest.hexdigest()


def require_unique(ids: Iterable[str], what: str) -> None:
    """Refuse ids that name two samples.

    Raises:
        UnreadableInputError: naming the repeated ones.
    """
    counts: dict[str, int] = {}
    for name in ids:
        counts[name] = counts.get(name, 0) + 1
    repeated = [f"'{name}' ({count} times)" for name, count in counts.items() if count > 1]
    if repeated:
        raise UnreadableInputError(
            f"{what} must be unique; {len(repeated):,} values repeat: {some(repeated)}."
        )


def _cell_bytes(column: pd.Series[Any]) -> list[bytes]:
    # Factored first: a cell's text is made once per distinct value.
    codes, distinct = pd.factorize(column.to_numpy())
    texts = [str(value).encode("utf-8", "surrogatepass") for value in distinct]
    cells = [str(len(text)).encode() + b":" + text for text in texts] + [_MISSING]
    return [cells[code] for code in codes]
