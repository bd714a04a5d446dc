"""Questions are answered by what an audit kept, without its data, as they are from the start."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
from asking import (
    ROLES,
    Given,
    ask_about,
    audited_numbers,
    audited_pictures,
    audited_table,
    import_file,
    picture_of,
    refusal_of,
    run_audit,
    table_of,
    write_csv,
)
from threadpoolctl import threadpool_limits

from dvaudit import describing, jobs
from dvaudit.audits import questions
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.store import Workspace


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


MAKERS = {"pictures": audited_pictures, "table": audited_table, "numbers": audited_numbers}
Copy = Callable[[str], AbstractContextManager[Given]]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """Opens a copy of a workspace with an audit of a kind, which is made once."""
    made: dict[str, tuple[Path, str]] = {}

    @contextmanager
    def opened(kind: str) -> Iterator[Given]:
        if kind not in made:
            with MAKERS[kind](tmp_path_factory.mktemp(kind)) as first:
                made[kind] = (first.folder / "home", first.audit)
        folder, (home, audit) = tmp_path_factory.mktemp("copy"), made[kind]
        shutil.copytree(home, folder / "home")
        with Workspace(folder / "home") as ws:
            yield Given(ws, audit, folder)

    return opened


@pytest.fixture(params=list(MAKERS))
def given(request: pytest.FixtureRequest, copied: Copy) -> Iterator[Given]:
    with copied(request.param) as found:
        yield found


@pytest.fixture
def pictures(copied: Copy) -> Iterator[Given]:
    with copied("pictures") as found:
        yield found


@pytest.fixture
def numbers(copied: Copy) -> Iterator[Given]:
    with copied("numbers") as found:
        yield found


def _own(given: Given) -> tuple[Path, str | None]:
    """Return a file of samples to ask about, and a label for them."""
    if given.ws.dataset(given.ws.run(given.audit).dataset_id).kind == "image":
        path = given.folder / "own.png"
        path.write_bytes(picture_of(1, np.random.default_rng(4)))
        return path, "vale"
    return write_csv(given, table_of(3, 8)), None


def _ask(given: Given) -> tuple[np.ndarray, dict]:
    path, label = _own(given)
    asked = ask_about(given, path, **({} if label is None else {"label": label}))
    return np.array(given.ws.run_array(asked, "vectors")), given.ws.run_summary(asked)


def _from_start(summary: dict) -> list[str]:
    return [note for note in summary["notes"] if "from the start" in note]


def _empty_cache(ws: Workspace, pattern: str = "*") -> None:
    for path in ws.feature_cache.glob(pattern):
        path.unlink()


def _remove_sources(ws: Workspace) -> None:
    for record in ws.datasets():
        record.source.unlink()


def _same(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_an_answer_needs_neither_the_data_nor_the_trusted_set(given: Given) -> None:
    kept, summary = _ask(given)
    assert summary["unchecked"] == ""
    assert not _from_start(summary)
    _empty_cache(given.ws)
    made, told = _ask(given)
    assert "not in the cache" in _from_start(told)[0]
    _same(kept, made)
    _remove_sources(given.ws)  # what was learned again is kept
    again, summary = _ask(given)
    assert not _from_start(summary)
    np.testing.assert_array_equal(again, kept)
    assert [note for note in told["notes"] if note not in _from_start(told)] == summary["notes"]


def test_an_audit_without_a_key_is_described_from_the_start_once(given: Given) -> None:
    ws = given.ws
    path = next(ws.run_dir(given.audit).rglob("summary.json"))
    document = json.loads(path.read_text())
    del document["summary"]["record"]["valuators"]["dvemb"][describing.KEY]
    path.write_text(json.dumps(document))
    _empty_cache(ws, "*.fitted.npz")  # neither did an earlier dvaudit keep what was learned
    made, summary = _ask(given)
    assert "did not keep what was learned" in _from_start(summary)[0]
    _remove_sources(ws)
    kept, summary = _ask(given)
    assert not _from_start(summary)
    _same(kept, made)


@pytest.mark.parametrize("damage", ["what was learned", "features", "values", "width"])
def test_what_is_damaged_is_made_again(pictures: Given, damage: str) -> None:
    kept, _ = _ask(pictures)
    for path in pictures.ws.feature_cache.iterdir():
        if path.name.endswith(".npz") and damage == "what was learned":
            path.write_bytes(path.read_bytes()[:-40])
        elif path.name.endswith(".npy") and damage == "features":
            path.write_bytes(b"")
        elif path.name.endswith(".npy") and damage == "values":
            np.save(path, np.load(path)[::-1])
        elif path.name.endswith(".npy"):
            np.save(path, np.load(path)[:, :-1])
    made, summary = _ask(pictures)
    reason = {
        "what was learned": "could not be read",
        "features": "features of the audit are not in the cache",
        "values": "samples that it knew come out",
        "width": "another number of features",
    }
    assert reason[damage] in _from_start(summary)[0]
    _same(made, kept)
    assert not _from_start(_ask(pictures)[1])


def test_a_deleted_trusted_set_is_not_needed(numbers: Given) -> None:
    ws = numbers.ws
    before, _ = _ask(numbers)
    ws.delete_dataset(ws.run(numbers.audit).params["trusted"])
    assert questions.cannot_ask(ws, numbers.audit) == ""
    after, summary = _ask(numbers)
    _same(after, before)
    assert "was deleted" in summary["unchecked"]
    _empty_cache(ws)
    assert "what was learned from both is not kept" in questions.cannot_ask(ws, numbers.audit)


def test_a_question_of_a_class_that_the_check_does_not_know_is_not_checked(
    pictures: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, _ = _ask(pictures)
    rows = Workspace.sample_rows
    monkeypatch.setattr(
        Workspace, "sample_rows", lambda *given: rows(*given).assign(label="another")
    )
    after, summary = _ask(pictures)
    _same(after, before)
    assert summary["unchecked"] == "the trusted set was imported with other labels"


@pytest.mark.parametrize(("net", "kind"), [("lenet5", "pictures"), ("attention", "table")])
def test_nets_that_take_no_vectors_are_asked_without_the_data(
    net: str, kind: str, copied: Copy
) -> None:
    with copied(kind) as first:
        run = first.ws.run(first.audit)
        trusted = run.params["trusted"]
        audit = run_audit(first.ws, run.dataset_id, trusted, net=net, components=None, rate=1e-3)
        given = Given(first.ws, audit, first.folder)
        _empty_cache(given.ws)
        made, summary = _ask(given)
        assert _from_start(summary)
        assert summary["unchecked"] == ""
        _remove_sources(given.ws)
        kept, summary = _ask(given)
        _same(kept, made)
        assert f"inputs of {net} are not kept" in summary["unchecked"]


def test_vectors_are_asked_without_the_data(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    codes = np.arange(40) % 2
    with Workspace(tmp_path / "home") as ws:
        np.savez(tmp_path / "data.npz", x=rng.normal(size=(40, 6)) + codes[:, None], y=codes)
        dataset = import_file(ws, tmp_path / "data.npz")
        given = Given(ws, run_audit(ws, dataset), tmp_path)
        own, wide = tmp_path / "own.npz", tmp_path / "wide.npz"
        np.savez(own, x=rng.normal(size=(2, 6)), y=[0, 1])
        np.savez(wide, x=rng.normal(size=(2, 7)), y=[0, 1])
        _remove_sources(ws)
        asked = ask_about(given, own)
        assert ws.run_array(asked, "vectors").shape[:2] == (2, 2)
        assert "vectors are not kept" in ws.run_summary(asked)["unchecked"]
        assert "have 7 numbers, and those of data 6" in refusal_of(given, wide)


def test_a_dataset_without_the_columns_is_refused(numbers: Given) -> None:
    roles = {**ROLES, "height": "label", "label": "categorical"}
    del roles["note"]
    path = write_csv(numbers, table_of(5, 3).drop(columns="note"), "bare.csv")
    bare = import_file(numbers.ws, path, roles=roles, task="regression")
    asked = questions.ask(numbers.ws, numbers.audit, dataset=bare)
    with pytest.raises(UnsuitableDataError, match=r"bare lacks 1 of the columns .* note;"):
        jobs.work_here(numbers.ws, asked)
