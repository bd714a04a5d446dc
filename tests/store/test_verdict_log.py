"""Verdicts: versions, conflicts, undo, history, and writers that come and go."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import ConflictError, NotFoundError
from dvaudit.store import RepeatedEventError, Workspace
from dvaudit.store.database import Database
from dvaudit.store.verdicts import Verdicts

WRITER = """
import sys
from dvaudit.core.errors import ConflictError
from dvaudit.store import Workspace
root, dataset, who, count = sys.argv[1:]
with Workspace(root) as ws:
    for i in range(int(count)):
        sample = f"{i % 6}.png"
        try:
            version = ws.decide(
                dataset, sample, "keep", seen_version=ws.versions(dataset).get(sample, 0),
                reviewer=who,
            )
            print(sample, version, flush=True)
        except ConflictError:
            print("conflict", flush=True)
"""
KEEP = Decision("0.png", Verdict.KEEP)


@pytest.fixture
def home(
    tmp_path: Path, filled: Callable[[Path], tuple[Workspace, str]]
) -> Iterator[tuple[Workspace, str]]:
    opened = filled(tmp_path)
    yield opened
    opened[0].close()


def start_writer(home: tuple[Workspace, str], who: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(home[0].root), home[1], who, str(count)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )


def test_newest_verdict_counts(home: tuple[Workspace, str]) -> None:
    ws, dataset_id = home
    assert ws.decide(dataset_id, "0.png", "unsure") == 1
    assert ws.decide(dataset_id, "1.png", Verdict.RELABEL, "dog", reviewer="ann") == 1
    assert ws.decide(dataset_id, "0.png", Verdict.KEEP, seen_version=1) == 2
    assert ws.decisions(dataset_id) == {
        "1.png": Decision("1.png", Verdict.RELABEL, "dog"),
        "0.png": KEEP,
    }
    assert ws.versions(dataset_id) == {"0.png": 2, "1.png": 1}


def test_conflict_names_who_decided_what(home: tuple[Workspace, str]) -> None:
    ws, dataset_id = home
    ws.decide(dataset_id, "0.png", "relabel", "dog", seen_version=0, reviewer="ann")
    with pytest.raises(ConflictError, match=r"ann to 'relabel' to dog \(version 1, seen: 0\)"):
        ws.decide(dataset_id, "0.png", "keep", seen_version=0, reviewer="bob")
    with pytest.raises(ConflictError, match="version 0"):
        ws.clear(dataset_id, "1.png", seen_version=2)
    assert len(ws.history(dataset_id)) == 1


@pytest.mark.parametrize(("verdict", "label"), [("maybe", None), ("relabel", None), ("keep", "x")])
def test_impossible_verdicts_are_refused(
    home: tuple[Workspace, str], verdict: str, label: str | None
) -> None:
    with pytest.raises(ValueError, match=r"not a valid|needs a label"):
        home[0].decide(home[1], "0.png", verdict, label)


def test_unknown_samples_are_refused(home: tuple[Workspace, str]) -> None:
    ws, dataset_id = home
    with pytest.raises(NotFoundError, match=r"no sample '9\.png'"):
        ws.decide(dataset_id, "9.png", "keep")
    with pytest.raises(NotFoundError, match="d0009"):
        ws.decide("d0009", "0.png", "keep")


def test_undo_walks_back_and_history_keeps_all(home: tuple[Workspace, str]) -> None:
    ws, dataset_id = home
    ws.decide(dataset_id, "0.png", "keep", reviewer="ann")
    ws.decide(dataset_id, "0.png", "drop", reviewer="ann")
    ws.decide(dataset_id, "1.png", "unsure", reviewer="ann")
    assert ws.undo(dataset_id) == Decision("1.png", Verdict.UNSURE)
    assert ws.undo(dataset_id) == Decision("0.png", Verdict.DROP)
    assert ws.decisions(dataset_id) == {"0.png": KEEP}
    assert ws.undo(dataset_id) == KEEP
    assert ws.undo(dataset_id) is None
    history = ws.history(dataset_id)
    assert history["verdict"].tolist() == ["keep", "drop", "unsure", "clear", "keep", "clear"]
    assert history["version"].tolist() == [1, 2, 1, 2, 3, 4]
    assert history["undo"].tolist() == [False] * 3 + [True] * 3
    assert set(history["reviewer"]) == {"ann"}
    assert str(history["at"].dtype).startswith("datetime64[ns, UTC")


def test_undo_of_one_reviewer_spares_the_others(home: tuple[Workspace, str]) -> None:
    ws, dataset_id = home
    ws.decide(dataset_id, "0.png", "drop", reviewer="ann")
    ws.decide(dataset_id, "1.png", "keep", reviewer="bob")
    assert ws.undo(dataset_id, reviewer="ann") == Decision("0.png", Verdict.DROP)
    assert ws.undo(dataset_id, reviewer="ann") is None
    assert list(ws.decisions(dataset_id)) == ["1.png"]


def test_undo_below_a_later_decision_of_somebody_else_is_a_conflict(
    home: tuple[Workspace, str],
) -> None:
    ws, dataset_id = home
    ws.decide(dataset_id, "0.png", "drop", reviewer="ann")
    ws.decide(dataset_id, "0.png", "keep", reviewer="bob")
    with pytest.raises(ConflictError, match="again by bob"):
        ws.undo(dataset_id, reviewer="ann")
    assert ws.decisions(dataset_id) == {"0.png": KEEP}


def test_clearing_can_be_undone(home: tuple[Workspace, str]) -> None:
    ws, dataset_id = home
    assert ws.clear(dataset_id, "0.png") == 0
    ws.decide(dataset_id, "0.png", "keep")
    assert ws.clear(dataset_id, "0.png") == 2
    assert ws.decisions(dataset_id) == {}
    assert ws.undo(dataset_id) == KEEP
    assert ws.decisions(dataset_id) == {"0.png": KEEP}


def test_export_starts_with_the_schema_version(home: tuple[Workspace, str], tmp_path: Path) -> None:
    ws, dataset_id = home
    ws.decide(dataset_id, "0.png", "relabel", "Hündin", reviewer="ann")
    ws.undo(dataset_id)
    text = ws.export_history(dataset_id, tmp_path / "out" / "verdicts.jsonl").read_text("utf-8")
    header, first, second = (json.loads(line) for line in text.splitlines())
    assert header["schema"] == "dvaudit.verdicts"
    assert header["schema_version"] == 2
    assert (first["label"], second["label"], second["undo"]) == ("Hündin", None, True)


def test_history_of_nothing_has_its_columns(home: tuple[Workspace, str]) -> None:
    history = home[0].history(home[1])
    assert len(history) == 0
    assert "sample_id" in history


def test_concurrent_writers_lose_nothing(home: tuple[Workspace, str]) -> None:
    writers = [start_writer(home, who, 60) for who in ("ann", "bob")]
    lines = [line for writer in writers for line in writer.communicate()[0].splitlines()]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert len(lines) == 120
    stored = sorted(line for line in lines if line != "conflict")
    history = home[0].history(home[1])
    found = [f"{row.sample_id} {row.version}" for row in history.itertuples()]
    assert sorted(found) == stored
    assert len(set(found)) == len(found)


def test_what_was_acknowledged_survives_a_kill(home: tuple[Workspace, str]) -> None:
    writer = start_writer(home, "ann", 100_000)
    assert writer.stdout is not None
    lines = [writer.stdout.readline().strip() for _ in range(30)]
    os.kill(writer.pid, signal.SIGKILL)
    lines += writer.stdout.read().split("\n")
    writer.stdout.close()
    assert writer.wait() == -signal.SIGKILL
    acknowledged = {line for line in lines if line.endswith(tuple("0123456789"))}
    history = home[0].history(home[1])
    found = {f"{row.sample_id} {row.version}" for row in history.itertuples()}
    # The last line may have been cut short by the kill.
    assert len(acknowledged - found) <= 1
    assert set(lines[:30]) <= found
    database = Database(home[0].root / "state.db")
    with database.read() as connection:
        assert connection.exec_driver_sql("pragma integrity_check").scalar() == "ok"
    database.close()


ACTIONS = st.one_of(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["keep", "drop", "unsure", "clear", "x", "y"]),
    ),
    st.just("undo"),
)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], tuple[Verdicts, str]]]:
    root = tmp_path_factory.mktemp("log")
    (root / "source").touch()
    ws = Workspace(root / "home")
    database = Database(ws.root / "state.db")
    verdicts = Verdicts(database)

    def fresh() -> tuple[Verdicts, str]:
        return verdicts, ws.add_dataset("x", root / "source", copy=False, roles={}, task=None)

    yield fresh
    ws.close()
    database.close()


@settings(max_examples=30, deadline=None)
@given(actions=st.lists(ACTIONS, max_size=14))
def test_any_sequence_behaves_like_a_list_of_states(
    log: Callable[[], tuple[Verdicts, str]], actions: list[tuple[str, str] | str]
) -> None:
    verdicts, dataset_id = log()
    state: dict[str, Decision] = {}
    earlier: list[tuple[str, Decision | None, Decision | None]] = []
    rows = 0
    for action in actions:
        if isinstance(action, str):
            undone = verdicts.undo(dataset_id, None)
            if not earlier:
                assert undone == ()
                continue
            sample, before, after = earlier.pop()
            assert undone == (after or before,)
        else:
            sample, what = action
            before = state.get(sample)
            after = _decision(sample, what)
            version = verdicts.versions(dataset_id).get(sample, 0)
            verdicts.append(dataset_id, sample, after, version, "ann")
            if before is None and after is None:
                continue
            earlier.append((sample, before, after))
            before = after
        rows += 1
        state.pop(sample, None)
        if before is not None:
            state[sample] = before
        assert verdicts.decisions(dataset_id) == state
    assert len(verdicts.history(dataset_id)) == rows


def _decision(sample: str, what: str) -> Decision | None:
    if what == "clear":
        return None
    if what in ("x", "y"):
        return Decision(sample, Verdict.RELABEL, what)
    return Decision(sample, Verdict(what))


def test_an_event_counts_once_in_whatever_session(home: tuple[Workspace, str]) -> None:
    ws, dataset_id = home
    ws.decide(dataset_id, "0.png", "keep", event="one")
    ws.decide(dataset_id, "1.png", "drop", event="two")
    ws.undo(dataset_id, event="three")
    with Workspace(ws.root) as other:
        for repeat in (
            lambda: other.decide(dataset_id, "0.png", "keep", event="one"),
            lambda: other.decide(dataset_id, "1.png", "drop", event="two"),
            lambda: other.undo(dataset_id, event="three"),
        ):
            with pytest.raises(RepeatedEventError, match="stored already"):
                repeat()
        assert list(other.decisions(dataset_id)) == ["0.png"]
        assert len(other.history(dataset_id)) == 3


def test_actions_without_an_event_are_never_taken_for_repeated(
    home: tuple[Workspace, str],
) -> None:
    ws, dataset_id = home
    for _ in range(2):
        ws.decide(dataset_id, "0.png", "keep")
    assert len(ws.history(dataset_id)) == 2
