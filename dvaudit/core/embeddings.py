"""Embeddings on disk: any new query is answered by one product, without torch.

A folder holds embeddings.npy, (n, K) float32, each row a sample's Data Value Embedding summed over
the steps of a run, and header.json, which is written last: a folder without it is incomplete.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.errors import UnreadableInputError, UnsuitableDataError

SCHEMA_VERSION = 1
HEADER, MATRIX = "header.json", "embeddings.npy"


@dataclass(frozen=True, eq=False)
class StoredEmbeddings:
    """Embeddings of n samples, mapped to memory.

    Attributes:
        values: (n, K) float32.
        header: schema_version, rows, size, and the projections' seed and layers.
    """

    values: NDArray[np.float32]
    header: Mapping[str, Any]

    @staticmethod
    def open(folder: Path) -> StoredEmbeddings:
        """Return the embeddings of a folder.

        Raises:
            UnreadableInputError: no complete embeddings there, of another schema version, or of
                another shape than the header says.
        """
        header = _header(folder)
        try:
            values = np.load(folder / MATRIX, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise UnreadableInputError(
                f"{folder / MATRIX} cannot be read ({error}); compute the embeddings again."
            ) from None
        expected = (header["rows"], header["size"])
        if values.shape != expected or values.dtype != np.float32:
            raise UnreadableInputError(
                f"{folder / MATRIX} holds {values.dtype} {values.shape} and its header says "
                f"float32 {expected}; compute the embeddings again."
            )
        return StoredEmbeddings(values, header)

    def influence(self, query: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the influence of each sample on a query's loss, shape (n,).

        It is the rise of the loss, to first order, were the sample left out of every step it is
        in: positive where it helped.

        Args:
            query: (K,) gradient at the end of the run, projected as the embeddings are.

        Raises:
            UnsuitableDataError: a query of another length, or one that is not finite.
        """
        if query.shape != (self.values.shape[1],):
            raise UnsuitableDataError(
                f"The query has shape {query.shape} and the embeddings {self.values.shape[1]:,} "
                "numbers a sample; project the query with the projections of these embeddings."
            )
        if not np.isfinite(query).all():
            raise UnsuitableDataError(
                f"{int((~np.isfinite(query)).sum()):,} of {len(query):,} numbers of the query are "
                "not finite; the run it is of did not converge."
            )
        found: NDArray[np.float32] = self.values @ query.astype(np.float32)
        return np.asarray(found)


@contextmanager
def writing(
    folder: Path, rows: int, size: int, projections: Mapping[str, Any]
) -> Iterator[NDArray[np.float32]]:
    """Give the (rows, size) matrix of a folder to be filled, zeros at first, mapped to memory.

    The header is written when the block ends without an error.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / HEADER).unlink(missing_ok=True)
    matrix = np.lib.format.open_memmap(
        folder / MATRIX, mode="w+", dtype=np.float32, shape=(rows, size)
    )
    yield matrix
    matrix.flush()
    header = {"schema_version": SCHEMA_VERSION, "rows": rows, "size": size, **projections}
    temporary = folder / f"{HEADER}.part"
    temporary.write_text(json.dumps(header, indent=1), encoding="utf-8")
    temporary.replace(folder / HEADER)


def _header(folder: Path) -> dict[str, Any]:
    try:
        header = json.loads((folder / HEADER).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableInputError(
            f"{folder} holds no complete embeddings ({error}); compute them again."
        ) from None
    version = header.get("schema_version") if isinstance(header, dict) else None
    if version != SCHEMA_VERSION or not {"rows", "size"} <= header.keys():
        raise UnreadableInputError(
            f"{folder / HEADER} has schema version {version} and this program reads "
            f"{SCHEMA_VERSION}; compute the embeddings again."
        )
    return dict(header)
