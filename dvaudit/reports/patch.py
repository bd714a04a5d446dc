"""A patch: verdicts as JSON that can be applied to a newer copy of the same data.

    {
      "schema": "dvaudit.patch",
      "schema_version": 1,
      "created": "2026-03-02T10:15:00+00:00",       time the patch was made, ISO 8601
      "dataset": {
        "name": "photos", "fingerprint": "9f...",   hex SHA-256 of what was judged
        "kind": "image", "task": "classification",  as in core.dataset.Kind and Task
        "samples": 1500,
        "roles": {"age": "numeric"}                 role of each column; empty where none are named
      },
      "rows": [{
        "id": "cat/7.png", "hash": "03...",         name and hex SHA-256 of content of a sample
        "verdict": "relabel",                       keep, relabel, drop or unsure
        "old_label": "cat", "new_label": "dog",     text; null for no label, and for no new one
        "reviewer": "ana",                          null: a suggestion that nobody judged
        "time": "2026-03-01T09:00:00+00:00"         of the verdict; null with `reviewer`
      }]
    }

The content of a row of a table is its features, by the roles above; that of an image its file.
Ids are unique. Unknown keys are ignored; another schema version is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from dvaudit.core.dataset import Kind, Task
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import UnreadableInputError, some

SCHEMA: Final = "dvaudit.patch"
SCHEMA_VERSION: Final = 1
_HASH_LENGTH = 64


@dataclass(frozen=True)
class PatchRow:
    """A verdict on a sample that is named by its id and its content; see the module."""

    id: str
    hash: str
    verdict: Verdict
    old_label: str | None = None
    new_label: str | None = None
    reviewer: str | None = None
    time: str | None = None

    def decision(self, sample_id: str) -> Decision:
        """Return the verdict as one on the sample of this id."""
        return Decision(sample_id, self.verdict, self.new_label)


@dataclass(frozen=True)
class Patch:
    """Verdicts on samples of one dataset; see the module for each field."""

    name: str
    fingerprint: str
    kind: Kind
    task: Task
    samples: int
    created: str
    rows: tuple[PatchRow, ...]
    roles: Mapping[str, str] = field(default_factory=dict)


def write_patch(patch: Patch, path: Path) -> Path:
    """Write a patch as JSON; return `path`."""
    text = json.dumps(patch_json(patch), indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def patch_json(patch: Patch) -> dict[str, Any]:
    """Return a patch as JSON-able data."""
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "created": patch.created,
        "dataset": {
            "name": patch.name,
            "fingerprint": patch.fingerprint,
            "kind": patch.kind.value,
            "task": patch.task.value,
            "samples": patch.samples,
            "roles": dict(patch.roles),
        },
        "rows": [{**asdict(row), "verdict": row.verdict.value} for row in patch.rows],
    }


def parse_patch(content: bytes | str | Mapping[str, Any], name: str = "the patch") -> Patch:
    """Read a patch from the bytes of a file, or from JSON that is parsed already.

    Args:
        name: what to call it in messages.

    Raises:
        UnreadableInputError: no JSON, no patch, another schema version, or rows that make no
            sense, naming the first few.
    """
    found = content if isinstance(content, Mapping) else _parsed(content, name)
    if not isinstance(found, Mapping) or found.get("schema") != SCHEMA:
        raise UnreadableInputError(
            f'{name} is no patch of dvaudit: it lacks "schema": "{SCHEMA}". Export a patch on the '
            "Export page."
        )
    version = found.get("schema_version")
    if version != SCHEMA_VERSION or isinstance(version, bool):
        raise UnreadableInputError(
            f"{name} has the schema version {version!r}, and this dvaudit reads {SCHEMA_VERSION}. "
            "Export the patch again with this dvaudit, or apply it with the one that wrote it."
        )
    return _patch(found, name)


def _parsed(content: bytes | str, name: str) -> Any:
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableInputError(f"{name} is no JSON in UTF-8: {error}.") from error


def _patch(found: Mapping[str, Any], name: str) -> Patch:
    dataset, listed = found.get("dataset"), found.get("rows")
    if not isinstance(dataset, Mapping) or not isinstance(listed, list):
        raise UnreadableInputError(f'{name} lacks "dataset" or "rows"; it is damaged.')
    rows: list[PatchRow] = []
    wrong: list[str] = []
    for number, item in enumerate(listed):
        try:
            rows.append(_row(item))
        except ValueError as error:
            wrong.append(f"row {number}: {error}")
    if wrong:
        raise UnreadableInputError(f"{name}: {len(wrong):,} rows make no sense: {some(wrong)}.")
    names = [row.id for row in rows]
    if len(set(names)) < len(names):
        repeated = [repr(item) for item in dict.fromkeys(names) if names.count(item) > 1]
        raise UnreadableInputError(
            f"{name}: {len(repeated):,} ids have more than one verdict: {some(repeated)}."
        )
    try:
        return Patch(
            name=_text(dataset, "name"),
            fingerprint=_text(dataset, "fingerprint"),
            kind=Kind(_text(dataset, "kind")),
            task=Task(_text(dataset, "task")),
            samples=_number(dataset.get("samples", 0), "samples"),
            created=_text(found, "created"),
            rows=tuple(rows),
            roles=_roles(dataset.get("roles", {})),
        )
    except (ValueError, TypeError) as error:
        raise UnreadableInputError(f"{name}: what it says of its dataset: {error}.") from error


def _row(item: Any) -> PatchRow:
    """Raises ValueError for a row that breaks the format."""
    if not isinstance(item, Mapping):
        raise ValueError("no object in braces")
    digest = _text(item, "hash")
    if len(digest) != _HASH_LENGTH:
        raise ValueError(f"the hash has {len(digest)} characters, not {_HASH_LENGTH}")
    row = PatchRow(
        id=_text(item, "id"),
        hash=digest,
        verdict=Verdict(_text(item, "verdict")),
        **{
            key: None if item.get(key) is None else _text(item, key)
            for key in ("old_label", "new_label", "reviewer", "time")
        },
    )
    row.decision(row.id)  # refuses a relabel without a label, and a label without a relabel
    return row


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str):
        raise ValueError(f'"{key}" is {value!r}, no text')
    return value


def _number(found: Any, key: str) -> int:
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise ValueError(f'"{key}" is {found!r}, no whole number of 0 or more')
    return found


def _roles(found: Any) -> dict[str, str]:
    if not isinstance(found, Mapping) or not all(isinstance(item, str) for item in found.values()):
        raise ValueError(f'"roles" is {found!r}, not a role for each column')
    return {str(key): str(value) for key, value in found.items()}
