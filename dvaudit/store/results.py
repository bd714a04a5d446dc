"""Results of a run: one folder that appears complete or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.errors import NotFoundError
from dvaudit.store.atomic import replacing_folder, write_json
from dvaudit.store.errors import WorkspaceError
from dvaudit.store.frames import read_frame, stored_frame, write_frame

SCHEMA_VERSION: Final = 1
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}")


class Results:
    """Reads and writes the results of one run below `folder` (which need not exist yet)."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self._folder = folder
        self._run_id = run_id

    def save(
        self,
        samples: pd.DataFrame,
        tables: Mapping[str, pd.DataFrame],
        summary: Mapping[str, Any],
        neighbours: Mapping[str, NDArray[Any]],
        arrays: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        """Write all results, in place of earlier ones; `arrays` are of any shape.

        Raises:
            ValueError: a name of a table or array that is no plain lower-case word, or an array
                without one row for each sample.
        """
        for name in (*tables, *neighbours, *(arrays or {})):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} cannot name a result")
        for name, array in neighbours.items():
            if len(array) != len(samples):
                raise ValueError(f"{name} has {len(array)} rows for {len(samples)} samples")
        with replacing_folder(self._folder) as draft:
            write_frame(draft / "samples.arrow", samples)
            for name, table in tables.items():
                write_frame(draft / "tables" / f"{name}.parquet", table)
            for name, array in neighbours.items():
                _save_array(draft / "neighbours" / f"{name}.npy", array)
            for name, array in (arrays or {}).items():
                _save_array(draft / "arrays" / f"{name}.npy", array)
            write_json(
                draft / "summary.json", {"schema_version": SCHEMA_VERSION, "summary": summary}
            )

    def samples(self) -> pd.DataFrame:
        return read_frame(self._existing(stored_frame(self._folder, "samples").name))

    def table(self, name: str) -> pd.DataFrame:
        """Raises NotFoundError for a table that this run did not make."""
        if not _NAME.fullmatch(name):
            raise NotFoundError(f"Run {self._run_id} has no table {name!r}.")
        return read_frame(self._existing(f"tables/{name}.parquet"))

    def summary(self) -> dict[str, Any]:
        """Raises WorkspaceError for results of another schema version."""
        document = json.loads(self._existing("summary.json").read_text(encoding="utf-8"))
        if document["schema_version"] != SCHEMA_VERSION:
            raise WorkspaceError(
                f"The results of run {self._run_id} have schema version "
                f"{document['schema_version']}, this dvaudit reads {SCHEMA_VERSION}; "
                "run the audit again."
            )
        summary: dict[str, Any] = document["summary"]
        return summary

    def array(self, name: str) -> NDArray[Any]:
        """Return an array, mapped to memory; raises NotFoundError for one this run did not make."""
        if not _NAME.fullmatch(name):
            raise NotFoundError(f"Run {self._run_id} has no array {name!r}.")
        path = self._existing(f"arrays/{name}.npy")
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))

    def neighbours(self, position: int) -> dict[str, NDArray[Any]]:
        """Return the row of each array at `position`; only that row is read from the disk.

        Raises:
            NotFoundError: no such position, or the run has no results.
        """
        self._existing("summary.json")
        rows = {}
        for path in sorted((self._folder / "neighbours").glob("*.npy")):
            array = np.load(path, mmap_mode="r", allow_pickle=False)
            if not 0 <= position < len(array):
                raise NotFoundError(f"There is no sample {position}; there are {len(array):,}.")
            rows[path.stem] = np.array(array[position])
        return rows

    def _existing(self, name: str) -> Path:
        path = self._folder / name
        if not path.exists():
            raise NotFoundError(
                f"Run {self._run_id} has no {Path(name).stem} results; it has not finished, "
                "or makes none."
            )
        return path


def _save_array(path: Path, array: NDArray[Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    np.save(path, np.ascontiguousarray(array), allow_pickle=False)
