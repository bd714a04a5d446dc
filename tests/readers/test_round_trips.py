"""Every format round trips: without a change the content is equal, with changes all else is."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
from corrected import contents
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_files import ODD, Odd, Rows

from dvaudit.core.dataset import Dataset
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.readers import FORMATS, load, write_corrected


@pytest.fixture(params=ODD, ids=str)
def odd(request: pytest.FixtureRequest) -> Odd:
    return ODD[str(request.param)]


def numbered(data: Dataset, rows: Rows, odd: Odd) -> list[int]:
    """Return the position in `rows` of each sample: they are read in another order at times."""
    if data.kind == "image":
        position = {row[2]: at for at, row in enumerate(rows)}
        assert data.images is not None
        return [position[data.images.read(at)] for at in range(len(data))]
    assert len(rows) == len(data)
    return list(range(len(data)))


def test_without_a_change_the_content_is_equal(odd: Odd, tmp_path: Path) -> None:
    path = odd.write(tmp_path)
    data = load(path, **odd.load)
    kept = {name: Decision(name, Verdict.KEEP) for name in data.ids}
    out = write_corrected(data, kept, tmp_path / "out")
    if path.is_dir():
        files = [item for item in path.rglob("*") if item.is_file()]
        assert contents(out) == {
            item.relative_to(path).as_posix(): item.read_bytes() for item in files
        }
    else:
        assert out.read_bytes() == path.read_bytes()
        assert out.suffix == path.suffix
    assert load(out, name=data.name, **odd.load).fingerprint == data.fingerprint


def test_a_relabel_and_a_drop_change_these_rows_alone(odd: Odd, tmp_path: Path) -> None:
    path = odd.write(tmp_path)
    data = load(path, **odd.load)
    rows, rest = odd.rows(path), odd.rest(path)
    text, native = odd.to
    order = numbered(data, rows, odd)
    relabelled = next(at for at in range(len(data)) if data.label_text()[at] not in (text, None))
    dropped = next(at for at in range(len(data)) if at != relabelled)
    decisions = {
        data.ids[relabelled]: Decision(data.ids[relabelled], Verdict.RELABEL, text),
        data.ids[dropped]: Decision(data.ids[dropped], Verdict.DROP),
        **{name: Decision(name, Verdict.UNSURE) for name in data.ids[4:]},
    }
    before = path.read_bytes() if path.is_file() else None
    out = write_corrected(data, decisions, tmp_path / "out")
    expected = copy.deepcopy(rows)
    expected[order[relabelled]][odd.label] = native
    del expected[order[dropped]]
    found = odd.rows(out)
    assert found == expected
    assert [type(row[odd.label]) for row in found] == [type(row[odd.label]) for row in expected]
    assert odd.rest(out) == rest
    assert before is None or path.read_bytes() == before, "the original is left alone"
    again = load(out, **odd.load)
    assert again.hashes == tuple(h for at, h in enumerate(data.hashes) if at != dropped)


def test_every_format_of_files_is_here(tmp_path: Path) -> None:
    seen = set()
    for name, odd in ODD.items():
        (tmp_path / name).mkdir()
        seen.add(load(odd.write(tmp_path / name), **odd.load).origin.format)
    assert seen == set(FORMATS) - {"dataframe", "arrays"}


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.sampled_from(sorted(ODD)), draws=st.data())
def test_random_verdicts_are_what_the_log_says(
    tmp_path_factory: pytest.TempPathFactory, name: str, draws: st.DataObject
) -> None:
    odd, folder = ODD[name], tmp_path_factory.mktemp("odd")
    path = odd.write(folder)
    data = load(path, **odd.load)
    rows = odd.rows(path)
    order = numbered(data, rows, odd)
    expected = copy.deepcopy(rows)
    decisions, gone = {}, set()
    # The last two samples stay, so that something is left, in two classes.
    for at, sample in enumerate(data.ids[:-2]):
        verdict = draws.draw(st.sampled_from([None, *Verdict]))
        if verdict is None:
            continue
        label = odd.to[0] if verdict is Verdict.RELABEL else None
        decisions[sample] = Decision(sample, verdict, label)
        if verdict is Verdict.RELABEL:
            expected[order[at]][odd.label] = odd.to[1]
        elif verdict is Verdict.DROP:
            gone.add(order[at])
    out = write_corrected(data, decisions, folder / "out")
    assert odd.rows(out) == [row for at, row in enumerate(expected) if at not in gone]


def test_a_thousand_random_verdicts_equal_the_log_applied_by_hand(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    lines = [f"{i};{rng.normal():.4f};{'ab'[i % 2]}" for i in range(1500)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["id;x;label", *lines]) + "\n", encoding="utf-8")
    data = load(path)
    decisions: dict[str, Decision] = {}
    for name in rng.choice(data.ids, 1000):  # some are judged twice: the last verdict counts
        verdict = Verdict(rng.choice([item.value for item in Verdict]))
        label = str(rng.choice(["a", "b", "c"])) if verdict is Verdict.RELABEL else None
        decisions[str(name)] = Decision(str(name), verdict, label)
    expected = []
    for line in lines:
        name, x, label = line.split(";")
        made = decisions.get(name)
        if made is None or made.verdict is not Verdict.DROP:
            expected.append(f"{name};{x};{made.label if made and made.label else label}")
    out = write_corrected(data, decisions, tmp_path / "out")
    assert out.read_text(encoding="utf-8").splitlines()[1:] == expected
