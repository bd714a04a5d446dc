"""The patch file: what is written is read again, and what is no patch is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvaudit.core.dataset import Kind, Task
from dvaudit.core.decisions import Verdict
from dvaudit.core.errors import UnreadableInputError
from dvaudit.reports.patch import Patch, PatchRow, parse_patch, patch_json, write_patch

texts = st.text(max_size=12)
maybe = st.none() | texts
digests = st.text("0123456789abcdef", min_size=64, max_size=64)


@st.composite
def patch_rows(draw: st.DrawFn) -> PatchRow:
    verdict = draw(st.sampled_from(Verdict))
    label = draw(texts) if verdict is Verdict.RELABEL else None
    said = (draw(texts), draw(digests), verdict, draw(maybe), label, draw(maybe), draw(maybe))
    return PatchRow(*said)


@given(
    rows=st.lists(patch_rows(), max_size=6, unique_by=lambda row: row.id),
    name=texts,
    kind=st.sampled_from(Kind),
    task=st.sampled_from(Task),
    roles=st.dictionaries(texts, st.sampled_from(["numeric", "label"]), max_size=3),
)
def test_a_patch_comes_back_as_it_was(
    rows: list[PatchRow], name: str, kind: Kind, task: Task, roles: dict[str, str]
) -> None:
    patch = Patch(name, "ab", kind, task, 7, "2026-01-01", tuple(rows), roles)
    assert parse_patch(json.dumps(patch_json(patch))) == patch


ROW = {"id": "a", "hash": "0" * 64, "verdict": "relabel", "old_label": "x", "new_label": "y"}
DATASET = {"name": "t", "fingerprint": "f", "kind": "image", "task": "classification"}
GOOD = {
    "schema": "dvaudit.patch",
    "schema_version": 1,
    "created": "2026-01-01",
    "dataset": DATASET,
    "rows": [ROW],
}


def test_missing_optional_keys_are_none_and_unknown_ones_ignored() -> None:
    (row,) = parse_patch({**GOOD, "comment": 1, "rows": [{**ROW, "score": 0.5}]}).rows
    assert (row.reviewer, row.time) == (None, None)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"schema_version": 2}, r"p\.json has the schema version 2, and this dvaudit reads 1"),
        ({"schema_version": True}, "schema version True"),
        ({"schema_version": None}, "schema version None"),
        ({"schema": "dvaudit.verdicts"}, "no patch of dvaudit"),
        ({"rows": None}, "damaged"),
        ({"dataset": {**DATASET, "kind": "sound"}}, "says of its dataset.*sound"),
        ({"dataset": {**DATASET, "roles": [1]}}, "not a role for each column"),
        ({"rows": [ROW, {**ROW, "verdict": "burn"}, 7]}, "2 rows make no sense: row 1: 'burn'"),
        ({"rows": [{**ROW, "new_label": None}]}, "a relabel needs a label"),
        ({"rows": [{**ROW, "verdict": "drop"}]}, "no other verdict takes one"),
        ({"rows": [{**ROW, "hash": "0a"}]}, "the hash has 2 characters, not 64"),
        ({"rows": [{**ROW, "id": 3}]}, '"id" is 3, no text'),
        ({"rows": [ROW, ROW]}, "1 ids have more than one verdict: 'a'"),
    ],
)
def test_what_is_no_patch_is_refused_by_name(changed: dict[str, object], message: str) -> None:
    with pytest.raises(UnreadableInputError, match=message):
        parse_patch(json.dumps({**GOOD, **changed}).encode(), "p.json")


NUMBERS = st.sampled_from(["Infinity", "-Infinity", "NaN", "1e400", "-1", "2.5", "true"]) | (
    st.floats().map(json.dumps) | st.integers().map(str)
)


@given(number=NUMBERS, place=st.sampled_from(["samples", "name", "kind", "roles", "version"]))
def test_any_number_anywhere_is_taken_or_refused_in_words(number: str, place: str) -> None:
    content = json.dumps({**GOOD, "dataset": {**DATASET, "samples": 7}})
    if place == "version":
        content = content.replace('"schema_version": 1', f'"schema_version": {number}')
    else:
        dataset = json.dumps({**DATASET, "samples": 7, place: "@"}).replace('"@"', number)
        content = content.replace(json.dumps({**DATASET, "samples": 7}), dataset)
    try:
        assert parse_patch(content).samples >= 0
    except UnreadableInputError:
        whole = number.isascii() and number.isdigit()
        assert not (place == "samples" and whole)


def test_a_number_of_samples_that_is_none_is_damage() -> None:
    content = json.dumps({**GOOD, "dataset": {**DATASET, "samples": 0}})
    for number in ("Infinity", "1e400", "NaN", "-3", "true"):
        with pytest.raises(UnreadableInputError, match=r'"samples" is .*, no whole number'):
            parse_patch(content.replace('"samples": 0', f'"samples": {number}'))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[1]", "[" * 100_000])
def test_no_json_is_refused(content: bytes | str) -> None:
    with pytest.raises(UnreadableInputError, match="the patch is no"):
        parse_patch(content)


def test_the_file_is_utf8_and_may_have_a_mark(tmp_path: Path) -> None:
    patch = Patch(
        "ü", "f", Kind.IMAGE, Task.CLASSIFICATION, 1, "2026-01-01",
        (PatchRow("é/1.png", "0" * 64, Verdict.KEEP, "ñ"),),
    )  # fmt: skip
    written = write_patch(patch, tmp_path / "patch.json").read_bytes()
    assert "é/1.png".encode() in written
    assert parse_patch(b"\xef\xbb\xbf" + written) == patch
