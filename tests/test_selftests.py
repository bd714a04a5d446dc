"""Self-tests of a workspace: what is planted, measured and stored, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from threadpoolctl import threadpool_limits

from dvaudit import audits, features, findings, jobs, selftests, valuators
from dvaudit.core.errors import NotFoundError, SettingsError, UnsuitableDataError
from dvaudit.findings.planting import PICTURE_NOISE
from dvaudit.store import RunKind, RunRecord, RunStatus, Workspace
from dvaudit.stored import load_stored

ROWS, SHARE, SEEDS = 240, 0.1, (3, 4)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


def _table(path: Path) -> Path:
    """Three classes along two columns; two labels are missing and a quarter is vouched for."""
    rng = np.random.default_rng(0)
    truth = np.arange(ROWS) % 3
    angle = 2 * np.pi * truth / 3
    labels = np.array(["a", "b", "c"], dtype=object)[truth]
    labels[[5, 6]] = None
    labels[[9, 12]] = "b"  # two wrong labels, of class a
    pd.DataFrame(
        {
            "x": np.cos(angle) + 0.3 * rng.standard_normal(ROWS),
            "y": np.sin(angle) + 0.3 * rng.standard_normal(ROWS),
            "label": labels,
            "checked": (np.arange(ROWS) % 4 == 1) & (np.arange(ROWS) != 9),
        }
    ).to_csv(path, index=False)
    return path


def _import(ws: Workspace, path: Path, **given: object) -> str:
    run = audits.start_import(ws, path, name=path.stem, **given)  # type: ignore[arg-type]
    jobs.work_here(ws, run)
    return ws.run(run).dataset_id


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, str]]:
    folder = tmp_path_factory.mktemp("selftests")
    with Workspace(folder / "home") as ws:
        roles = {"checked": "trusted", "label": "label"}
        yield ws, _import(ws, _table(folder / "plain.csv"), roles=roles)


def _test(ws: Workspace, dataset: str, **given: object) -> RunRecord:
    names = given.pop("names", ("kernel-loo", "random"))
    wanted: dict[str, object] = {"share": SHARE, "seeds": SEEDS, **given}
    run_id = audits.start_selftest(ws, dataset, names, **wanted)  # type: ignore[arg-type]
    jobs.work_here(ws, run_id)
    assert ws.run(run_id).status is RunStatus.DONE, ws.run(run_id).error
    return ws.run(run_id)


@pytest.fixture(scope="module")
def done(imported: tuple[Workspace, str]) -> RunRecord:
    """A self-test of uniform flips in two rounds."""
    return _test(*imported)


def test_scores_are_those_of_planting_and_valuing_by_hand(
    imported: tuple[Workspace, str], done: RunRecord
) -> None:
    ws, dataset = imported
    assert done.kind is RunKind.SELFTEST
    assert done.id in [run.id for run in audits.selftests_of(ws, dataset)]
    data = load_stored(ws, dataset)
    scores = ws.run_table(done.id, "scores").set_index(["seed", "method"])
    times = np.zeros(ROWS, dtype=int)
    for seed in SEEDS:
        planted = findings.plant_flips(data, SHARE, seed)
        times += planted.mask
        values = valuators.get("kernel-loo").value(planted.data, seed=seed).values
        free, k = planted.candidates, int(planted.mask.sum())
        order = np.flatnonzero(free)[np.argsort(values[free], kind="stable")]
        row = scores.loc[(seed, "kernel-loo")]
        assert row["recall"] == pytest.approx(planted.mask[order[:k]].sum() / k)
        assert row["auroc"] == findings.auroc(values[free], planted.mask[free])
        assert (row["planted"], row["candidates"]) == (k, free.sum())
    samples = ws.run_samples(done.id)
    assert samples["planted"].tolist() == times.tolist()
    assert not samples["planted"][data.trusted | ~data.labelled].any()


def test_curves_lead_from_nothing_to_everything_and_pass_the_recall(
    imported: tuple[Workspace, str], done: RunRecord
) -> None:
    ws, _ = imported
    curves, scores = (ws.run_table(done.id, name) for name in ("curves", "scores"))
    assert set(zip(curves["method"], curves["seed"], strict=True)) == {
        (name, seed) for name in ("kernel-loo", "random") for seed in SEEDS
    }
    for (method, seed), line in curves.groupby(["method", "seed"]):
        found = line["found"].to_numpy()
        assert (found[0], found[-1]) == (0, 1)
        assert (np.diff(found) >= 0).all()
        row = scores[(scores["method"] == method) & (scores["seed"] == seed)].iloc[0]
        at_k = np.interp(row["planted"] / row["candidates"], line["reviewed"], found)
        assert at_k == pytest.approx(row["recall"], abs=0.12)


def test_the_method_that_finds_them_is_recommended(
    imported: tuple[Workspace, str], done: RunRecord
) -> None:
    ws, _ = imported
    summary, means = ws.run_summary(done.id), ws.run_table(done.id, "methods")
    assert means["method"].tolist() == ["kernel-loo", "random"]
    assert means["recall"].iloc[0] > 0.7
    assert abs(means["auroc"].iloc[1] - 0.5) < 0.2
    assert summary["recommended"] == "kernel-loo"
    assert summary["why"].startswith("kernel-loo finds ")
    assert summary["chance"] == pytest.approx(SHARE, abs=0.05)
    assert (summary["kind"], summary["seeds"], summary["share"]) == ("uniform", [3, 4], SHARE)


def test_a_selftest_can_be_repeated(imported: tuple[Workspace, str], done: RunRecord) -> None:
    ws, dataset = imported
    again = _test(ws, dataset)
    for name in ("scores", "curves"):
        pd.testing.assert_frame_equal(ws.run_table(done.id, name), ws.run_table(again.id, name))


def test_pairs_come_from_the_newest_audit(imported: tuple[Workspace, str]) -> None:
    ws, dataset = imported
    with pytest.raises(UnsuitableDataError, match="no finished audit whose confusion pairs"):
        audits.start_selftest(ws, dataset, ["kernel-loo"], kind="pairs")
    audit = audits.start_audit(ws, dataset, ["kernel-loo"])
    jobs.work_here(ws, audit)
    run = _test(ws, dataset, kind="pairs", names=("kernel-loo",), share=0.3, seeds=(1,))
    pairs = {(right, wrong): weight for right, wrong, weight in run.params["pairs"]}
    assert pairs == findings.confusion_pairs(ws.run_table(audit, "confusions"))
    assert ("a", "b") in pairs, "two samples of class a are labelled b"
    data = load_stored(ws, dataset)
    planted = findings.plant_flips(data, 0.3, 1, pairs=pairs)
    assert ws.run_samples(run.id)["planted"].tolist() == planted.mask.astype(int).tolist()


def test_noise_is_planted_in_numbers_and_leaves_no_vectors_behind(
    imported: tuple[Workspace, str], tmp_path: Path
) -> None:
    ws, _ = imported
    path = tmp_path / "heights.csv"
    rng = np.random.default_rng(2)
    x = rng.random(120)
    pd.DataFrame({"x": x, "z": x**2, "height": 3 * x + 0.01 * rng.random(120)}).to_csv(
        path, index=False
    )
    dataset = _import(ws, path, roles={"height": "label"}, task="regression")
    assert audits.kinds_for(ws.dataset(dataset)) == ("noise",)
    kept = sorted(ws.feature_cache.iterdir())
    run = _test(ws, dataset, kind="noise", share=0.15)
    assert sorted(ws.feature_cache.iterdir()) == kept
    assert ws.run_summary(run.id)["recommended"] == "kernel-loo"
    with pytest.raises(UnsuitableDataError, match="heights takes no uniform errors"):
        audits.start_selftest(ws, dataset, ["kernel-loo"], kind="uniform")
    with pytest.raises(UnsuitableDataError, match="aum works on classification"):
        audits.start_selftest(ws, dataset, ["aum"], kind="noise")


@pytest.fixture(scope="module")
def pictures(
    imported: tuple[Workspace, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, str]:
    """Two classes of small images, and a trusted set of the same; the datasets' ids."""
    ws, _ = imported
    made = []
    for name, each in (("shapes", 60), ("checked", 10)):
        folder, rng = tmp_path_factory.mktemp(name), np.random.default_rng(each)
        for number in range(2 * each):
            image = 40 * rng.random((12, 12))
            image[2:10, 4:8] += 180 * (number % 2)
            image[4:8, 2:10] += 180 * (1 - number % 2)
            path = folder / ("bar", "beam")[number % 2] / f"{number:03d}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(path)
        made.append(_import(ws, folder))
    return made[0], made[1]


def test_noise_in_images_is_planted_in_their_feature_vectors(
    imported: tuple[Workspace, str], pictures: tuple[str, str]
) -> None:
    ws, dataset = imported[0], pictures[0]
    assert audits.kinds_for(ws.dataset(dataset)) == ("uniform", "pairs", "noise")
    run = _test(ws, dataset, kind="noise", share=0.2, seeds=(3,))
    data = load_stored(ws, dataset)
    vectors = findings.as_vectors(data, features.extract(data, seed=3).matrix)
    planted = findings.plant_noise(vectors, 0.2, 3, strength=PICTURE_NOISE)
    values = valuators.get("kernel-loo").value(planted.data, seed=3).values
    scores = ws.run_table(run.id, "scores").set_index("method")
    assert scores.loc["kernel-loo", "auroc"] == pytest.approx(
        findings.auroc(values, planted.mask), abs=1e-6
    )
    assert ws.run_samples(run.id)["planted"].tolist() == planted.mask.astype(int).tolist()
    summary = ws.run_summary(run.id)
    assert (summary["noise"], summary["left_out"]) == ([0, 3], [])


def test_noisy_images_are_measured_against_a_trusted_set_in_the_same_features(
    imported: tuple[Workspace, str], pictures: tuple[str, str]
) -> None:
    ws, (dataset, trusted) = imported[0], pictures
    run = _test(
        ws, dataset, kind="noise", share=0.2, seeds=(3,), names=("knn-shapley",), trusted=trusted
    )
    assert ws.run_table(run.id, "scores")["auroc"].iloc[0] > 0.6


def test_methods_that_train_on_pictures_are_left_out_of_noise_by_name(
    imported: tuple[Workspace, str], pictures: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ws, dataset = imported[0], pictures[0]
    monkeypatch.setattr(
        selftests, "takes_pictures", lambda record, name: name == "random", raising=True
    )
    run = _test(ws, dataset, kind="noise", share=0.2, seeds=(3,))
    assert run.params["valuators"] == ["kernel-loo"]
    assert ws.run_summary(run.id)["left_out"] == ["random"]
    flips = audits.start_selftest(ws, dataset, ["random"], seeds=(3,))
    assert ws.run(flips).params["left_out"] == []
    with pytest.raises(UnsuitableDataError, match="random trains on its pictures"):
        audits.start_selftest(ws, dataset, ["random"], kind="noise")


def test_whether_a_method_takes_pictures_is_its_nets(
    imported: tuple[Workspace, str], pictures: tuple[str, str]
) -> None:
    assert not audits.takes_pictures(imported[0].dataset(pictures[0]), "el2n")
    assert not audits.takes_pictures(imported[0].dataset(pictures[0]), "kernel-loo")
    nets = ("auto", "lenet5", "mlp", "torchvision:resnet18", "resnet")
    taken = [net for net in nets if valuators.wants_pictures(net)]
    assert taken == ["lenet5", "torchvision:resnet18", "resnet"]


def test_what_cannot_be_tested_is_refused_by_name(imported: tuple[Workspace, str]) -> None:
    ws, dataset = imported
    for names, said in (
        ([], "given: none"),
        (["random", "random"], "one or more different methods"),
        (["nothing"], "There is no valuator 'nothing'"),
    ):
        with pytest.raises(SettingsError, match=said):
            audits.start_selftest(ws, dataset, names)
    with pytest.raises(UnsuitableDataError, match="davinz values contributors"):
        audits.start_selftest(ws, dataset, ["davinz"])
    for given, said in (
        ({"kind": "other"}, "choose from: uniform, pairs, noise"),
        ({"share": 0.6}, "The share to plant is 0.6"),
        ({"seeds": (1, 1)}, "There are 2 seeds, 1 of them different"),
        ({"seeds": ()}, "There are 0 seeds"),
    ):
        with pytest.raises(SettingsError, match=said):
            audits.start_selftest(ws, dataset, ["random"], **given)  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        audits.start_selftest(ws, dataset, ["random"], trusted="d9999")
