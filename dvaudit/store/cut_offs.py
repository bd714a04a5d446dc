"""The cut-off that people have chosen for a run, beside its results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from dvaudit.core.cut_off import CutBy, CutOff
from dvaudit.store.atomic import write_json
from dvaudit.store.errors import WorkspaceError

SCHEMA_VERSION: Final = 1
_FILE: Final = "cut_off.json"


def read_cut_off(folder: Path) -> CutOff:
    """Return the cut-off kept in a run's `folder`; the methods' own flags where none is.

    Raises:
        WorkspaceError: the file is damaged, or of another schema version.
    """
    path = folder / _FILE
    if not path.exists():
        return CutOff()
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema_version"] == SCHEMA_VERSION:
            rank, margin = int(document["rank"]), float(document["margin"])
            return CutOff(CutBy(document["by"]), rank, margin)
    except (ValueError, KeyError, TypeError) as damage:
        raise WorkspaceError(
            f"{path} does not hold a cut-off; delete it, and the methods' own flags count again."
        ) from damage
    raise WorkspaceError(
        f"{path} has schema version {document['schema_version']}, this dvaudit reads "
        f"{SCHEMA_VERSION}; delete it, and the methods' own flags count again."
    )


def write_cut_off(folder: Path, cut: CutOff) -> None:
    """Keep `cut` in a run's `folder`, in place of an earlier one."""
    document = {"by": cut.by.value, "rank": cut.rank, "margin": cut.margin}
    write_json(folder / _FILE, {"schema_version": SCHEMA_VERSION, **document})
