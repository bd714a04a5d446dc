"""The random audit sample that was drawn for a run, beside its results."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from dvaudit.store.atomic import write_json
from dvaudit.store.errors import WorkspaceError

SCHEMA_VERSION: Final = 1
_FILE: Final = "audit_sample.json"


@dataclass(frozen=True)
class AuditSample:
    """Samples drawn at random for one audit, in the order to judge them.

    Attributes:
        run_id: the audit they were drawn for.
        seed: of the draw.
        positions: in the dataset, in the order drawn; random, so that each beginning is random.
        drawn_from: how many samples could have been drawn: those that the audit ranks.
        drawn: when.
    """

    run_id: str
    seed: int
    positions: tuple[int, ...]
    drawn_from: int
    drawn: datetime


def read_audit_sample(folder: Path) -> AuditSample | None:
    """Return the audit sample kept in a run's `folder`; None where none was drawn.

    Raises:
        WorkspaceError: the file is damaged, or of another schema version.
    """
    path = folder / _FILE
    if not path.exists():
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        version = document["schema_version"]
        if version == SCHEMA_VERSION:
            return AuditSample(
                str(document["run"]),
                int(document["seed"]),
                tuple(int(position) for position in document["positions"]),
                int(document["drawn_from"]),
                datetime.fromisoformat(document["drawn"]),
            )
    except (ValueError, KeyError, TypeError) as damage:
        raise WorkspaceError(
            f"{path} does not hold an audit sample; delete it and draw one again."
        ) from damage
    raise WorkspaceError(
        f"{path} has schema version {version}, this dvaudit reads {SCHEMA_VERSION}; delete it and "
        "draw an audit sample again."
    )


def write_audit_sample(folder: Path, sample: AuditSample) -> None:
    """Keep `sample` in a run's `folder`, in place of an earlier one."""
    write_json(
        folder / _FILE,
        {
            "schema_version": SCHEMA_VERSION,
            "run": sample.run_id,
            "seed": sample.seed,
            "size": len(sample.positions),
            "positions": list(sample.positions),
            "drawn_from": sample.drawn_from,
            "drawn": sample.drawn.astimezone(UTC).isoformat(),
        },
    )
