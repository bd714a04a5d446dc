"""An audit's stages: what fails of them, what is left then, and how far the work is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vectors import vector_dataset

from dvaudit import costs, pipeline, valuators
from dvaudit.core.dataset import Dataset, Kind, Task
from dvaudit.core.errors import NumericalError, SettingsError, UnsuitableDataError
from dvaudit.core.machine import Cost
from dvaudit.core.progress import Cancelled, in_proportion
from dvaudit.pipeline import audit

RIDGE = {"kernel-loo": {"ridge": 0.1}}


@pytest.fixture
def data() -> Dataset:
    rng = np.random.default_rng(0)
    codes = np.arange(60) % 2
    return vector_dataset(rng.normal(size=(60, 4)) + 3 * codes[:, None], codes)


def _failing(
    monkeypatch: pytest.MonkeyPatch, name: str, error: BaseException | type[BaseException]
) -> None:
    def value(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(valuators.lookup(name), "value", value)


def test_a_method_that_fails_costs_nothing_of_the_others(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    _failing(monkeypatch, "cg-score", NumericalError("It diverged; lower the rate."))
    done = audit(data, ["cg-score", "kernel-loo"], settings=RIDGE)
    alone = audit(data, ["kernel-loo"], settings=RIDGE)
    assert done.failed == {"cg-score": "It diverged; lower the rate."}
    assert alone.failed == {}
    assert list(done.results) == list(done.record["valuators"]) == ["kernel-loo"]
    assert done.to_frame().equals(alone.to_frame())


def test_where_all_fail_the_audit_does(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    _failing(monkeypatch, "cg-score", NumericalError("It diverged."))
    with pytest.raises(NumericalError, match=r"^It diverged\.$"):
        audit(data, ["cg-score"])
    _failing(monkeypatch, "kernel-loo", UnsuitableDataError("It has no use for these."))
    both = r"^cg-score: It diverged\. kernel-loo: It has no use for these\.$"
    with pytest.raises(NumericalError, match=both):
        audit(data, ["cg-score", "kernel-loo"])
    _failing(monkeypatch, "kernel-loo", NumericalError("It diverged."))
    with pytest.raises(NumericalError, match=r"^It diverged\.$"):
        audit(data, ["cg-score", "kernel-loo"])


@pytest.mark.parametrize("error", [Cancelled(), ZeroDivisionError("a bug")])
def test_cancelling_and_bugs_end_the_whole(
    data: Dataset, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    _failing(monkeypatch, "cg-score", error)
    with pytest.raises(type(error)):
        audit(data, ["kernel-loo", "cg-score"], settings=RIDGE)


@pytest.mark.parametrize(
    ("name", "settings", "error", "said"),
    [
        ("liveval", {"net": "resnet"}, UnsuitableDataError, "takes pictures"),
        ("dvemb", {"net": "lenet5"}, UnsuitableDataError, "takes pictures"),
        ("liveval", {"window_least": 9, "window_most": 2}, SettingsError, "between 9 and 2"),
    ],
)
def test_what_cannot_run_is_refused_before_any_work(
    data: Dataset, name: str, settings: dict[str, object], error: type[Exception], said: str
) -> None:
    method = valuators.get(name, settings)
    with pytest.raises(error, match=said):
        method.check(Kind.TABULAR, Task.CLASSIFICATION)
    with pytest.raises(error, match=said):
        method.value(data)
    reports: list[float] = []
    with pytest.raises(error, match=said):
        audit(
            data,
            ["kernel-loo", name],
            settings={name: settings},
            progress=lambda fraction, stage: reports.append(fraction),
        )
    assert reports == []


def test_a_net_for_pictures_is_fine_where_there_are_some() -> None:
    for task in (Task.CLASSIFICATION, Task.REGRESSION):
        valuators.get("liveval", {"net": "resnet"}).check(Kind.IMAGE, task)


@pytest.mark.parametrize(
    "name", [info.name for info in valuators.describe() if info.requires is None]
)
@pytest.mark.parametrize("task", list(Task))
def test_the_tasks_of_a_method_are_what_its_check_lets_pass(name: str, task: Task) -> None:
    method = valuators.get(name)
    if task in method.tasks:
        method.check(Kind.TABULAR, task)
    else:
        with pytest.raises(UnsuitableDataError, match="this dataset is for"):
            method.check(Kind.TABULAR, task)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=6))
def test_stages_follow_one_another_and_are_as_long_as_they_take(seconds: list[float]) -> None:
    seen: list[float] = []
    stages = in_proportion(lambda fraction, stage: seen.append(fraction), seconds)
    for stage in stages:
        stage(0.0, "")
        stage(1.0, "")
    assert seen[0] == 0
    assert seen[-1] == pytest.approx(1.0)
    assert all(later >= earlier - 1e-12 for earlier, later in pairwise(seen))
    lengths = np.diff(seen)[::2]
    assert (lengths > 0).all()
    longest = max(seconds)
    for length, each in zip(lengths, seconds, strict=True):
        if each >= longest / 100 and longest > 0:
            assert length / max(lengths) == pytest.approx(each / longest)


@dataclass(frozen=True)
class _Seen:
    fraction: float
    stage: str


def test_the_fraction_goes_by_the_time_that_stages_are_estimated_to_take(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def costing(seconds: float) -> object:
        return lambda *_: Cost(seconds, 0, "")

    monkeypatch.setattr(valuators.lookup("kernel-loo"), "estimate", costing(10.0))
    monkeypatch.setattr(valuators.lookup("cg-score"), "estimate", costing(85.0))
    monkeypatch.setattr(costs, "of_findings", lambda *_: 5.0)
    monkeypatch.setattr(costs, "of_features", lambda *_: 0.0)
    seen: list[_Seen] = []
    audit(
        data,
        ["kernel-loo", "cg-score"],
        settings=RIDGE,
        progress=lambda fraction, stage: seen.append(_Seen(fraction, stage)),
    )
    assert all(later.fraction >= earlier.fraction for earlier, later in pairwise(seen))
    ends = {
        title: max(each.fraction for each in seen if each.stage.startswith(title))
        for title in (valuators.lookup("kernel-loo").title, valuators.lookup("cg-score").title)
    }
    first, second = ends.values()
    assert 0.05 < first <= 0.1 + 1e-9
    assert 0.5 < second <= 0.95 + 1e-9
    assert seen[-1].fraction == 1


def test_features_from_the_cache_move_the_fraction_by_nothing(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs, "of_features", lambda *_: 1e9)
    seen: list[float] = []
    stages = pipeline._Stages(
        data,
        [valuators.get("kernel-loo")],
        None,
        pipeline.machine_of("cpu"),
        lambda fraction, stage: seen.append(fraction),
    )
    stages.features(1.0, "Features are ready")
    stages.go_on(4)
    stages.methods["kernel-loo"](0.0, "")
    assert seen == [0.0, 0.0]


def test_a_stored_audit_keeps_warnings_and_failures(
    data: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    copies = data.vectors
    assert copies is not None
    copies = copies.copy()
    copies[10:14] = copies[10]
    assert data.labels is not None
    _failing(monkeypatch, "cg-score", NumericalError("It diverged."))
    trapped = vector_dataset(copies, data.labels)
    done = audit(trapped, ["kernel-loo", "cg-score"], settings=RIDGE)
    kept = done.summary()["record"]
    assert kept["failed"] == {"cg-score": "It diverged."}
    assert "3 samples point the same way" in kept["valuators"]["kernel-loo"]["warnings"][0]
    assert "point the same way" not in kept["valuators"]["kernel-loo"]["status"]
    page = next(path for path in done.save(tmp_path) if path.suffix == ".html").read_text()
    assert "3 samples point the same way" in page
    assert "It diverged." in page
