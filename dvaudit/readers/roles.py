"""Guessing what each column is for; whatever the person sets wins."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from dvaudit.core.dataset import Role
from dvaudit.core.errors import SettingsError, some
from dvaudit.readers.raw import Content, RawColumn
from dvaudit.readers.typed import looks_like_dates, looks_numeric

# Strongest first. The last ones are labels only where they are the last column.
LABEL_NAMES = (
    *("label", "labels", "given_label", "target", "class", "classes", "y", "category"),
    *("class_name", "class_label", "label_name", "target_name", "labelid", "label_id", "class_id"),
    *("outcome", "diagnosis", "income", "species", "sentiment", "intent", "annotation", "survived"),
)
LAST_LABEL_NAMES = ("price", "value", "score", "rating", "quality", "result", "type", "response")
GROUP_NAMES = (
    *("group", "groups", "contributor", "contributors", "source", "annotator", "annotator_id"),
    *("worker", "worker_id", "labeler", "labeller", "site", "provider", "hospital", "rater"),
)
PATH_NAMES = (
    *("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path"),
    *("img", "img_path", "image_name", "image_id", "picture", "photo", "name", "id"),
)
ID_NAMES = ("id", "ids", "uuid", "guid", "key", "index", "sample_id", "row_id", "record_id", "uid")
_ID_LIKE = re.compile(
    r"(.*[_\- ])?(id|uuid|guid|key|index|number|no)|unnamed: \d+|column \d+|__index_level_\d+__"
)
_SAVED_INDEX = re.compile(r"unnamed: 0|column 1|__index_level_0__")  # what pandas writes
_FEW = 20  # distinct values up to which a column may be a set of classes whatever its length


@dataclass(frozen=True)
class Chosen:
    """Roles in column order, and one sentence for each guess a person should check."""

    roles: dict[str, Role]
    notes: tuple[str, ...]

    def only(self, role: Role) -> str | None:
        """The name of the column with a role that one column can have."""
        return next((name for name, given in self.roles.items() if given is role), None)


def choose(
    columns: Mapping[str, RawColumn],
    given: Mapping[str, Role | str] | None = None,
    *,
    label: str | None = None,
    id: str | None = None,
    group: str | None = None,
    labelled: bool = True,
) -> Chosen:
    """Return a role for every column; without `labelled` none is guessed to be the label.

    Raises:
        SettingsError: a column that does not exist, an unknown role, or two columns for a role
            that only one can have.
    """
    fixed = _fixed(columns, given or {}, {Role.LABEL: label, Role.ID: id, Role.GROUP: group})
    roles: dict[str, Role] = dict(fixed)
    notes: list[str] = []
    free = [column for name, column in columns.items() if name not in roles]
    if Role.GROUP not in fixed.values():
        _name_one(roles, free, Role.GROUP, GROUP_NAMES)
    if labelled and Role.LABEL not in fixed.values():
        guess = _guess_label([column for column in free if column.name not in roles])
        if guess:
            roles[guess[0]] = Role.LABEL
            notes.append(f"'{guess[0]}' is taken as the label, {guess[1]}.")
        elif len(free) > 0:
            notes.append("No column looks like a label; name one to look for wrong labels.")
    if Role.ID not in fixed.values():
        notes += _guess_id(roles, [column for column in free if column.name not in roles])
    for column in free:
        if column.name not in roles:
            roles[column.name], note = feature_role(column)
            notes += [note] if note else []
    return Chosen({name: roles[name] for name in columns}, tuple(notes))


def feature_role(column: RawColumn) -> tuple[Role, str]:
    """Return numeric, date, text, categorical or ignored, with a note where it is ignored."""
    if len(column.values) < 2:
        return Role.IGNORED, f"'{column.name}' is ignored: it has one value or none."
    if column.content is Content.NESTED:
        return Role.IGNORED, f"'{column.name}' is ignored: it holds lists or objects."
    if looks_numeric(column):
        key = column.is_unique and bool(_ID_LIKE.fullmatch(column.name.lower()))
        return (Role.IGNORED if key else Role.NUMERIC), _key_note(column) if key else ""
    if column.content is Content.BOOLEAN:
        return Role.CATEGORICAL, ""
    if looks_like_dates(column):
        return Role.DATE, ""
    if _is_prose(column):
        return Role.TEXT, ""
    if column.is_unique and len(column.values) > 2:
        return Role.IGNORED, _key_note(column)
    return Role.CATEGORICAL, ""


def _key_note(column: RawColumn) -> str:
    return f"'{column.name}' is ignored: each row has a value of its own, as a key has."


def _fixed(
    columns: Mapping[str, RawColumn],
    given: Mapping[str, Role | str],
    named: Mapping[Role, str | None],
) -> dict[str, Role]:
    fixed: dict[str, Role] = {}
    for name, role in given.items():
        _must_exist(columns, name)
        try:
            fixed[name] = Role(role)
        except ValueError:
            raise SettingsError(
                f"'{role}' is no role for column '{name}'; choose one of: {', '.join(Role)}."
            ) from None
    for wanted, column in named.items():
        if column is not None:
            _must_exist(columns, column)
            fixed = {n: r for n, r in fixed.items() if r is not wanted or n == column}
            fixed[column] = wanted
    for single in (Role.LABEL, Role.ID, Role.GROUP, Role.TRUSTED, Role.PATH):
        holders = [repr(name) for name, role in fixed.items() if role is single]
        if len(holders) > 1:
            raise SettingsError(f"{len(holders)} columns are set as {single}: {some(holders)}.")
    return fixed


def _must_exist(columns: Mapping[str, RawColumn], name: str) -> None:
    if name not in columns:
        close = get_close_matches(name, columns, 1)
        hint = f"did you mean '{close[0]}'?" if close else f"it has: {some(columns, 12)}."
        raise SettingsError(f"the data has no column '{name}'; {hint}")


def _name_one(
    roles: dict[str, Role], free: Sequence[RawColumn], role: Role, names: Sequence[str]
) -> None:
    for wanted in names:
        for column in free:
            if column.name.lower() == wanted and column.name not in roles:
                roles[column.name] = role
                return


def _guess_label(free: Sequence[RawColumn]) -> tuple[str, str] | None:
    by_name = {column.name.lower().replace(" ", "_"): column for column in reversed(free)}
    for wanted in LABEL_NAMES:
        if wanted in by_name:
            return by_name[wanted].name, "by its name"
    for column in free:
        if column.name.lower().endswith(("_label", " label", "_class", "_target")):
            return column.name, "by its name"
    if free and free[-1].name.lower() in LAST_LABEL_NAMES:
        return free[-1].name, "by its name and because it is the last column"
    for column in reversed(free):
        if _few_values(column):
            return column.name, f"because it is the last one with few values ({len(column.values)})"
    return None


def _few_values(column: RawColumn) -> bool:
    distinct, present = len(column.values), len(column.codes) - column.missing
    if column.content in (Content.NESTED, Content.DATE) or distinct < 2:
        return False
    return distinct <= present / 2 and distinct <= max(_FEW, 0.02 * present)


def _guess_id(roles: dict[str, Role], free: Sequence[RawColumn]) -> list[str]:
    by_name = {column.name.lower(): column for column in reversed(free)}
    named = [by_name[name] for name in ID_NAMES if name in by_name]
    saved = [column for column in free if _SAVED_INDEX.fullmatch(column.name.lower())]
    for column in [*named, *saved]:
        if column.is_unique:
            roles[column.name] = Role.ID
            return []
    if not named:
        return []
    roles[named[0].name] = Role.IGNORED
    repeated = len(named[0].codes) - len(named[0].values)
    return [
        f"'{named[0].name}' is not taken as the id: {repeated:,} rows repeat or miss it. "
        f"Rows are numbered from 0 instead."
    ]


def _is_prose(column: RawColumn) -> bool:
    """Several words a value, and more than a few values."""
    texts = column.texts()
    if len(texts) <= min(_FEW, 0.2 * len(column.codes)):
        return False
    words = float(np.mean([text.count(" ") + 1 for text in texts[:2000]]))
    return words >= 3 and len(texts) > 0.2 * len(column.codes)
