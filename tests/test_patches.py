"""Patches: what a patch of one copy does to another."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from appview import add_table
from hypothesis import given, settings
from hypothesis import strategies as st
from patched import Row, read_rows, tables, verdicts_on, write_rows

import dvaudit
from dvaudit import patches, readers
from dvaudit.core.dataset import Kind, Task
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.patches import make_patch
from dvaudit.reports.patch import Patch, PatchRow, write_patch
from dvaudit.reports.patch_fit import FIT_COLUMNS, Outcome, fit_patch
from dvaudit.store import RepeatedEventError, Workspace


def hexed(text: str) -> str:
    return text.ljust(64, "0")


def patch_of(*rows: PatchRow, task: Task = Task.CLASSIFICATION) -> Patch:
    return Patch("photos", "f", Kind.IMAGE, task, 9, "2026-01-01T00:00:00+00:00", rows)


def row(
    name: str, content: str, verdict: str = "=dog", old: str | None = "cat", **more: str
) -> PatchRow:
    relabelled = verdict.startswith("=")
    return PatchRow(
        name,
        hexed(content),
        Verdict.RELABEL if relabelled else Verdict(verdict),
        old,
        verdict[1:] if relabelled else None,
        **more,
    )


def outcomes(
    patch: Patch,
    data: Sequence[tuple[str, str, str | None]],
    standing: dict[str, Decision] | None = None,
) -> list[tuple[Outcome, str | None]]:
    names, contents, labels = zip(*data, strict=True)
    fit = fit_patch(patch, names, [hexed(item) for item in contents], labels, standing)
    return [(item.outcome, item.sample_id) for item in fit.items]


DATA = [("a.png", "1", "cat"), ("b.png", "2", "dog"), ("c.png", "3", None)]


@pytest.mark.parametrize(
    ("wanted", "outcome", "sample"),
    [
        (row("a.png", "1"), Outcome.APPLIED, "a.png"),
        (row("a.png", "1", "drop"), Outcome.APPLIED, "a.png"),
        (row("old/a.png", "1"), Outcome.MOVED, "a.png"),
        (row("b.png", "2"), Outcome.ALREADY, "b.png"),
        (row("b.png", "2", "keep"), Outcome.CONFLICT, "b.png"),
        (row("a.png", "1", "=owl", "wolf"), Outcome.CONFLICT, "a.png"),
        (row("c.png", "3", "=owl", None), Outcome.APPLIED, "c.png"),
        (row("a.png", "9"), Outcome.CHANGED, "a.png"),
        (row("z.png", "9"), Outcome.MISSING, None),
    ],
)
def test_what_becomes_of_a_verdict(wanted: PatchRow, outcome: Outcome, sample: str | None) -> None:
    assert outcomes(patch_of(wanted), DATA) == [(outcome, sample)]


def test_a_verdict_that_stands_here_is_not_overruled() -> None:
    patch = patch_of(row("a.png", "1"))
    same = {"a.png": Decision("a.png", Verdict.RELABEL, "dog")}
    assert outcomes(patch, DATA, same) == [(Outcome.ALREADY, "a.png")]
    other = {"a.png": Decision("a.png", Verdict.KEEP)}
    assert outcomes(patch, DATA, other) == [(Outcome.CONFLICT, "a.png")]


def test_equal_contents_are_told_apart_by_what_the_patch_saw() -> None:
    patch = patch_of(row("a.png", "1", "drop", "cat"), row("b.png", "1", "drop", "dog"))
    copies = [("x.png", "1", "dog"), ("y.png", "1", "cat"), ("z.png", "1", "cat")]
    assert outcomes(patch, copies) == [(Outcome.MOVED, "y.png"), (Outcome.MOVED, "x.png")]
    # Ids that are names outweigh a label; row numbers, which any edit moves, do not.
    named = [("a.png", "1", "dog"), ("q.png", "1", "cat")]
    assert outcomes(patch_of(row("a.png", "1")), named) == [(Outcome.ALREADY, "a.png")]
    numbered = [("3", "1", "dog"), ("4", "1", "cat")]
    assert outcomes(patch_of(row("3", "1")), numbered) == [(Outcome.MOVED, "4")]


def test_targets_are_compared_as_numbers() -> None:
    patch = patch_of(row("a", "1", "=21", "20"), row("b", "2", "=8", "7"), task=Task.REGRESSION)
    found = outcomes(patch, [("a", "1", "20.0"), ("b", "2", "8.0")])
    assert found == [(Outcome.APPLIED, "a"), (Outcome.ALREADY, "b")]


def test_every_verdict_is_accounted_for_once() -> None:
    wanted = [row("a.png", "1"), row("b.png", "2"), row("z.png", "9"), row("q.png", "3", old=None)]
    names, contents, labels = zip(*DATA, strict=True)
    fit = fit_patch(patch_of(*wanted), names, [hexed(item) for item in contents], labels)
    assert {name: n for name, n in fit.counts().items() if n} == {
        Outcome.APPLIED: 1,
        Outcome.MOVED: 1,
        Outcome.ALREADY: 1,
        Outcome.MISSING: 1,
    }
    frame = fit.to_frame()
    assert tuple(frame.columns) == FIT_COLUMNS
    assert frame["id"].tolist() == ["a.png", "b.png", "z.png", "q.png"]
    assert fit.decisions == {
        "a.png": Decision("a.png", Verdict.RELABEL, "dog"),
        "c.png": Decision("c.png", Verdict.RELABEL, "dog"),
    }


def by_hand(rows: Sequence[Row], decisions: dict[str, Decision]) -> list[Row]:
    """Apply verdicts to rows that are named by their number."""
    out = []
    for number, (a, colour, label) in enumerate(rows):
        made = decisions.get(str(number))
        if made is not None and made.verdict is Verdict.DROP:
            continue
        relabelled = made is not None and made.verdict is Verdict.RELABEL
        out.append((a, colour, str(made.label) if relabelled and made else label))
    return out


@settings(max_examples=40, deadline=None)
@given(rows=tables, data=st.data())
def test_a_patch_does_to_the_same_data_what_the_export_does(
    rows: list[Row], data: st.DataObject
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        loaded = dvaudit.load(write_rows(folder / "t.csv", rows), label="label")
        decisions = data.draw(verdicts_on(loaded.ids))
        file = write_patch(make_patch(loaded, decisions, reviewer="ana"), folder / "p.json")
        patched = dvaudit.apply_patch(folder / "t.csv", file)
        assert not any(item.outcome.is_refused for item in patched.fit.items)
        exported = readers.write_corrected(loaded, decisions, folder / "export")
        corrected, _ = patched.save(folder / "patched")
        assert corrected.read_bytes() == exported.read_bytes()
        assert read_rows(corrected) == by_hand(rows, decisions)


@settings(max_examples=60, deadline=None)
@given(rows=tables, data=st.data())
def test_a_patch_hits_the_same_contents_in_a_shuffled_and_longer_copy(
    rows: list[Row], data: st.DataObject
) -> None:
    added: list[Row] = [("99", "violet", "x"), ("98", "violet", "y")]
    with TemporaryDirectory() as name:
        folder = Path(name)
        loaded = dvaudit.load(write_rows(folder / "t.csv", rows), label="label")
        decisions = data.draw(verdicts_on(loaded.ids))
        newer = data.draw(st.permutations([*rows, *added]))
        patched = dvaudit.apply_patch(
            write_rows(folder / "newer.csv", newer), make_patch(loaded, decisions)
        )
        assert not any(item.outcome.is_refused for item in patched.fit.items)
        corrected, _ = patched.save(folder / "out")
        expected = Counter([*by_hand(rows, decisions), *added])
        assert Counter(read_rows(corrected)) == expected


@settings(max_examples=40, deadline=None)
@given(rows=tables, data=st.data())
def test_names_stay_with_their_sample_wherever_it_is(rows: list[Row], data: st.DataObject) -> None:
    """With an id column, every copy of equal content keeps the verdict of its own id."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        path = write_rows(folder / "t.csv", rows, key=True)
        loaded = dvaudit.load(path, label="label", id="key")
        decisions = data.draw(verdicts_on(loaded.ids))
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        order = data.draw(st.permutations(lines))
        newer = folder / "newer.csv"
        newer.write_text("\n".join([header, *order]), encoding="utf-8")
        patched = dvaudit.apply_patch(newer, make_patch(loaded, decisions))
        relabels = {
            name: made
            for name, made in decisions.items()
            if made.label != dict(zip(loaded.ids, loaded.label_text(), strict=True))[name]
            or made.label is None
        }
        assert patched.decisions == relabels


def test_a_new_column_does_not_hide_the_contents(tmp_path: Path) -> None:
    rows: list[Row] = [("1", "red", "x"), ("2", "blue", "y"), ("3", "red", "x"), ("4", "red", "y")]
    loaded = dvaudit.load(write_rows(tmp_path / "t.csv", rows), label="label")
    patch = make_patch(loaded, {"2": Decision("2", Verdict.RELABEL, "y")})
    text = (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()
    longer = [f"{line},{extra}" for line, extra in zip(text, ["new", *"5678"], strict=True)]
    (tmp_path / "newer.csv").write_text("\n".join([longer[0], *longer[:0:-1]]), encoding="utf-8")
    patched = dvaudit.apply_patch(tmp_path / "newer.csv", patch)
    assert patched.decisions == {"1": Decision("1", Verdict.RELABEL, "y")}
    assert patched.notes == ()
    # A dataset that is loaded already keeps its roles; that contents differ by them is said.
    own = dvaudit.load(tmp_path / "newer.csv", label="label")
    refused = dvaudit.apply_patch(own, patch)
    assert refused.counts()["changed"] == 1
    assert "'new'" in refused.notes[0]


def test_images_are_found_where_they_were_moved_to(tmp_path: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    for number, folder in itertools.product(range(3), ("cat", "dog")):
        path = tmp_path / "old" / folder / f"{number} ü.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(path)
    loaded = dvaudit.load(tmp_path / "old")
    patch = make_patch(
        loaded,
        {
            "cat/0 ü.png": Decision("cat/0 ü.png", Verdict.RELABEL, "dog"),
            "cat/1 ü.png": Decision("cat/1 ü.png", Verdict.RELABEL, "dog"),
            "dog/2 ü.png": Decision("dog/2 ü.png", Verdict.DROP),
        },
    )
    (tmp_path / "old").rename(tmp_path / "new")
    (tmp_path / "new/cat/0 ü.png").rename(tmp_path / "new/cat/renamed.png")
    (tmp_path / "new/cat/1 ü.png").rename(tmp_path / "new/dog/moved.png")
    patched = dvaudit.apply_patch(tmp_path / "new", patch)
    assert {name: number for name, number in patched.counts().items() if number} == {
        "applied": 1,
        "moved": 1,
        "already": 1,
    }
    out, result = patched.save(tmp_path / "out")
    assert sorted(dvaudit.load(out).ids) == [
        *("cat/2 ü.png", "dog/0 ü.png", "dog/1 ü.png", "dog/moved.png", "dog/renamed.png"),
    ]
    assert "moved" in result.read_text(encoding="utf-8")


def test_lines_name_what_was_not_applied(tmp_path: Path) -> None:
    rows: list[Row] = [("1", "red", "x"), ("2", "blue", "y"), ("3", "red", "x"), ("4", "red", "y")]
    loaded = dvaudit.load(write_rows(tmp_path / "t.csv", rows), label="label")
    patch = make_patch(
        loaded, {name: Decision(name, Verdict.RELABEL, "new") for name in ("0", "1", "2")}
    )
    rows[1], rows[2] = ("2", "blue", "x"), ("30", "red", "x")
    newer = write_rows(tmp_path / "newer.csv", rows)
    assert dvaudit.apply_patch(newer, patch).lines() == [
        "1 of 3 verdicts are applied.",
        f"1 {patches.OUTCOME_WORDS[Outcome.CONFLICT]}: 1.",
        f"1 {patches.OUTCOME_WORDS[Outcome.CHANGED]}: 2.",
    ]


def test_decisions_on_nobody_are_refused(tmp_path: Path) -> None:
    loaded = dvaudit.load(write_rows(tmp_path / "t.csv", [("1", "a", "x"), ("2", "b", "y")] * 2))
    with pytest.raises(UnsuitableDataError, match=r"1 decisions .* 'nobody'"):
        make_patch(loaded, {"nobody": Decision("nobody", Verdict.DROP)})


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[tuple[Workspace, str]]:
    """A workspace with one table of 30 rows."""
    with Workspace(tmp_path / "home") as ws:
        yield ws, add_table(ws, tmp_path)


def test_a_stored_patch_says_who_decided_and_when(stored: tuple[Workspace, str]) -> None:
    ws, dataset = stored
    ws.decide(dataset, "3", Verdict.RELABEL, "oak", reviewer="ana")
    ws.decide(dataset, "4", Verdict.DROP, reviewer="ben")
    ws.decide(dataset, "4", Verdict.KEEP, reviewer="ana")
    unseen = {"5": Decision("5", Verdict.RELABEL, "elm")}
    patch = patches.stored_patch(ws, dataset, {**ws.decisions(dataset), **unseen})
    samples, times = ws.samples(dataset), ws.history(dataset)["at"]
    assert [(item.id, item.verdict, item.old_label, item.new_label) for item in patch.rows] == [
        ("3", Verdict.RELABEL, "elm", "oak"),
        ("4", Verdict.KEEP, "oak", None),
        ("5", Verdict.RELABEL, "oak", "elm"),
    ]
    assert [item.hash for item in patch.rows] == samples["hash"].iloc[3:6].tolist()
    assert [(item.reviewer, item.time) for item in patch.rows] == [
        ("ana", times[0].isoformat()),
        ("ana", times[2].isoformat()),
        (None, None),
    ]
    assert patch.fingerprint == ws.dataset(dataset).fingerprint
    assert patch.roles == {"width": "numeric", "height": "numeric", "kind": "label"}


def test_a_patch_goes_into_the_log_as_one_action(
    stored: tuple[Workspace, str], tmp_path: Path
) -> None:
    ws, dataset = stored
    for name in ("3", "4"):
        ws.decide(dataset, name, Verdict.DROP, reviewer="ana")
    ws.decide(dataset, "6", Verdict.RELABEL, "oak", reviewer="ana")
    patch = patches.stored_patch(ws, dataset, ws.decisions(dataset))
    lines = (tmp_path / "trees.csv").read_text().splitlines()
    other = tmp_path / "newer.csv"
    other.write_text("\n".join([lines[0], *lines[:2:-1]]) + "\n")  # reversed, without two rows
    newer = ws.add_dataset("newer", other, copy=True, roles={}, task=None)
    ws.finish_dataset(newer, readers.load(ws.dataset(newer).source, name="newer"))
    ws.decide(newer, "24", Verdict.KEEP, reviewer="eva")  # the row that was number 5 is judged here
    fifth = replace(patch.rows[0], id="5", hash=str(ws.samples(dataset)["hash"].iloc[5]))
    patch = replace(patch, rows=(*patch.rows, fifth))
    fit, notes = patches.fit_stored(ws, newer, patch)
    assert notes == ()
    assert [item.outcome for item in fit.items] == [
        *(Outcome.MOVED, Outcome.MOVED, Outcome.MOVED, Outcome.CONFLICT),
    ]
    assert patches.apply_stored(ws, newer, patch, reviewer="ben", event="once") == 3
    made = {name: (item.verdict, item.label) for name, item in ws.decisions(newer).items()}
    assert made == {
        "24": (Verdict.KEEP, None),
        "26": (Verdict.DROP, None),
        "25": (Verdict.DROP, None),
        "23": (Verdict.RELABEL, "oak"),
    }
    with pytest.raises(RepeatedEventError):
        ws.decide_many(newer, [Decision("1", Verdict.KEEP)], reviewer="ben", event="once")
    ws.undo(newer, reviewer="ben")
    assert set(ws.decisions(newer)) == {"24"}
