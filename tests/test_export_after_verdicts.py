"""An export after 1000 random verdicts by several people equals the log applied by hand.

The hand knows nothing of the program's reading of the log: it takes the file of the log line by
line, writes what each line puts in force beside its sample, and edits the original file.
"""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from dvaudit import audits, readers
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import ConflictError
from dvaudit.store import Workspace

REVIEWERS = ("", "Ann", "Bob", "Cleo")
CLASSES = ("elm", "oak", "fir tree")
ROWS, PICTURES, VERDICTS = 90, 36, 1000


def _random_decision(chance: random.Random, name: str) -> Decision:
    verdict = chance.choice(list(Verdict))
    return Decision(name, verdict, chance.choice(CLASSES) if verdict is Verdict.RELABEL else None)


def _judge(ws: Workspace, dataset: str, seed: int) -> int:
    """Store 1000 verdicts by several people, with bulk verdicts, clearings, and undos of each
    person's own actions among them; return how many rows the log has by then."""
    chance = random.Random(seed)
    names = sorted(ws.samples(dataset)["id"])
    given_verdicts = 0
    while given_verdicts < VERDICTS:
        who, what = chance.choice(REVIEWERS), chance.random()
        if what < 0.03:
            some = chance.sample(names, chance.randint(2, 25))
            only_open = chance.random() < 0.5
            decisions = [_random_decision(chance, name) for name in some]
            given_verdicts += audits.decide_many(
                ws, dataset, decisions, reviewer=who, only_open=only_open
            )
        elif what < 0.18:
            try:
                audits.undo(ws, dataset, reviewer=who)
            except ConflictError:
                continue
        elif what < 0.2:
            ws.clear(dataset, chance.choice(names), reviewer=who)
        else:
            made = _random_decision(chance, chance.choice(names))
            resolves = chance.random() < 0.1
            audits.decide(
                ws, dataset, made.sample_id, made.verdict, made.label, reviewer=who,
                resolves=resolves,
            )  # fmt: skip
            given_verdicts += 1
    return len(ws.history(dataset))


def _by_hand(log: Path) -> dict[str, tuple[str, str | None]]:
    """Return what the lines of the log, one after the other, leave in force."""
    header, *lines = (json.loads(line) for line in log.read_text("utf-8").splitlines())
    assert header["schema"] == "dvaudit.verdicts"
    found: dict[str, tuple[str, str | None]] = {}
    for line in lines:
        found[line["sample_id"]] = (line["verdict"], line["label"])
    return found


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A workspace with a CSV of awkward cells, and the dataset's id."""
    folder = tmp_path_factory.mktemp("table")
    path = folder / "trees.csv"
    rng = np.random.default_rng(0)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
        writer.writerow(["name", "height", "note", "kind"])
        for at in range(ROWS):
            note = ("", 'says "yes"', "a;b", "Bäume")[at % 4]
            writer.writerow([f"tree {at}", f"{rng.normal():.3f}", note, CLASSES[at % 3]])
    with Workspace(folder / "home") as ws:
        roles = {"name": "id", "height": "numeric", "note": "text", "kind": "label"}
        dataset = ws.add_dataset("trees", path, copy=True, roles=roles, task=None)
        ws.finish_dataset(dataset, readers.load(ws.dataset(dataset).source, roles=roles))
    return folder, dataset


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A workspace with a zip of images, a folder per class, and the dataset's id."""
    folder = tmp_path_factory.mktemp("pictures")
    path = folder / "trees.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for at in range(PICTURES):
            file = io.BytesIO()
            Image.new("RGB", (12, 9), (7 * at, 90, 200 - at)).save(file, "PNG")
            archive.writestr(f"{CLASSES[at % 3]}/{at:02d}.png", file.getvalue())
    with Workspace(folder / "home") as ws:
        dataset = ws.add_dataset("trees", path, copy=True, roles={}, task=None)
        ws.finish_dataset(dataset, readers.load(ws.dataset(dataset).source))
    return folder, dataset


@pytest.fixture
def quick() -> Iterator[Path]:
    """A folder in memory where there is one: the store waits for the disk after each verdict."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


def _judged(made: tuple[Path, str], target: Path, seed: int) -> tuple[Path, Path]:
    """Judge a copy of a workspace; return the exported file and the log's file."""
    folder, dataset = made
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder / "home", target)
    with Workspace(target) as ws:
        assert _judge(ws, dataset, seed) >= VERDICTS
    with Workspace(target) as ws:  # after a restart
        return audits.export(ws, dataset, None, "dataset"), audits.history_file(ws, dataset)


once_per_seed = settings(
    max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@once_per_seed
@given(seed=st.integers(0, 10_000))
def test_a_table_after_1000_verdicts(table: tuple[Path, str], quick: Path, seed: int) -> None:
    exported, log = _judged(table, quick / "home", seed)
    decided = _by_hand(log)
    original = (table[0] / "trees.csv").read_bytes().decode("utf-8").split("\r\n")
    expected = [original[0]]
    for line in original[1:-1]:
        name, kind = line.split(";")[0], line.rsplit(";", 1)[1]
        verdict, label = decided.get(name, ("keep", None))
        if verdict != "drop":
            expected.append(f"{line[: -len(kind)]}{label if verdict == 'relabel' else kind}")
    assert exported.read_bytes().decode("utf-8").split("\r\n") == [*expected, ""]


@once_per_seed
@given(seed=st.integers(0, 10_000))
def test_images_after_1000_verdicts(pictures: tuple[Path, str], quick: Path, seed: int) -> None:
    exported, log = _judged(pictures, quick / "home", seed)
    decided = _by_hand(log)
    expected = {}
    with zipfile.ZipFile(pictures[0] / "trees.zip") as archive:
        for name in archive.namelist():
            verdict, label = decided.get(name, ("keep", None))
            if verdict != "drop":
                folder, file = name.split("/")
                expected[f"{label if verdict == 'relabel' else folder}/{file}"] = archive.read(name)
    with zipfile.ZipFile(exported) as archive:
        found = {name: archive.read(name) for name in archive.namelist() if name[-1] != "/"}
    assert found == expected
