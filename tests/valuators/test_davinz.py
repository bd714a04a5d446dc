"""DAVINZ as a valuator of contributors: its promises over games, nets and kinds of data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from datasets_in_memory import image_dataset
from PIL import Image
from scipy.stats import spearmanr
from vectors import vector_dataset

from dvaudit import valuators
from dvaudit.core.dataset import Dataset, Task
from dvaudit.core.errors import SettingsError, UnsuitableDataError
from dvaudit.core.machine import GIB
from dvaudit.core.progress import Cancelled
from dvaudit.core.result import ValuationResult
from dvaudit.games import exact_banzhaf, exact_shapley
from dvaudit.valuators import davinz_games
from dvaudit.valuators.contributing import _problem
from dvaudit.valuators.davinz_terms import NtkSpec, build_terms
from dvaudit.valuators.shared import Shared
from dvaudit.valuators.trusted import given_split

GAMES = ("shapley", "banzhaf", "loo", "marginal")
FAST = {"initialisations": 2, "most": 64}
NAMES = ("ann", "bob", "cid", "dan")


def _grouped(n: int = 160, seed: int = 0, noisy: str | None = "cid") -> Dataset:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, n)
    vectors = 3 * np.eye(3, 6)[codes] + rng.standard_normal((n, 6))
    groups = np.array(NAMES, dtype=object)[rng.integers(0, 4, n)]
    if noisy:  # inputs of another distribution, labels at random
        of_noisy = groups == noisy
        vectors[of_noisy] = 4 + 3 * rng.standard_normal((int(of_noisy.sum()), 6))
        codes[of_noisy] = rng.integers(0, 3, int(of_noisy.sum()))
    return replace(vector_dataset(vectors, codes), groups=groups)


def _clean(n: int = 60, seed: int = 9) -> Dataset:
    return replace(_grouped(n, seed, noisy=None), groups=None, name="clean")


def _value(data: Dataset, trusted: Dataset | None = None, **settings: object) -> ValuationResult:
    return valuators.get("davinz", {**FAST, **settings}).value(data, trusted=trusted)


@pytest.mark.parametrize("game", GAMES)
def test_a_contributor_of_noise_is_worth_least(game: str) -> None:
    result = _value(_grouped(), _clean(), game=game)
    assert result.ids == NAMES
    assert result.ids[int(np.argmin(result.values))] == "cid"
    assert np.isfinite(result.values).all()
    assert result.std_errors is not None
    assert (result.std_errors >= 0).all()
    assert result.columns["samples"].sum() == 160


@pytest.mark.parametrize("game", GAMES)
def test_the_value_is_kappa_times_in_domain_plus_out_of_domain(game: str) -> None:
    result = _value(_grouped(), _clean(), game=game)
    parts = result.columns
    combined = result.stats["kappa"] * parts["in_domain"] + parts["out_of_domain"]
    np.testing.assert_allclose(result.values, combined, rtol=1e-9)


@pytest.mark.parametrize("game", GAMES)
def test_another_kappa_follows_from_the_stored_terms(game: str) -> None:
    """What the slider of the page computes equals a run with that kappa."""
    first = _value(_grouped(), _clean(), game=game)
    kappa = 3 * first.stats["kappa"]
    again = _value(_grouped(), _clean(), game=game, kappa=kappa)
    parts, stats = first.columns, first.stats
    alone = kappa * parts["single_in_domain"] + parts["single_out_of_domain"]
    stored = kappa * stats["baseline_in_domain"] + stats["baseline_out_of_domain"]
    shift = stats["baseline_weight"] * (alone.min() - stored)
    moved = kappa * parts["in_domain"] + parts["out_of_domain"] - shift
    np.testing.assert_allclose(moved, again.values, rtol=1e-7, atol=1e-10)


def test_games_equal_all_coalitions() -> None:
    split = given_split(_grouped(), _clean())
    assert split is not None
    problem = _problem(split, Shared(), 0, "cpu", lambda *_: None)
    spec = NtkSpec("mlp", 2, 0, 2, 1e-4, GIB)
    terms, _ = build_terms(problem, spec, "ladder", lambda *_: None)
    kappa = davinz_games.fix_kappa(terms, "singles")
    baseline = davinz_games.lowest_single(terms.single(), kappa)
    weights = np.array([kappa / 2, kappa / 2, 1.0])

    def utility(masks: np.ndarray) -> np.ndarray:
        return np.array([weights @ terms.of(mask[None])[:, 0] for mask in masks])

    empty = float(weights @ baseline)
    for game, slow in (("shapley", exact_shapley), ("banzhaf", exact_banzhaf)):
        spec_of_game = davinz_games.GameSpec(game, 0.05, 64, 0)
        found = davinz_games.play(terms, spec_of_game, kappa, baseline, lambda *_: None)
        values = kappa * found.in_domain + found.out_of_domain
        np.testing.assert_allclose(values, slow(utility, 4, baseline=empty), rtol=1e-8, atol=1e-10)
    whole = np.ones(4, dtype=bool)
    left = [utility(whole[None])[0] - utility((np.arange(4) != i)[None])[0] for i in range(4)]
    spec_of_game = davinz_games.GameSpec("loo", 0.05, 64, 0)
    found = davinz_games.play(terms, spec_of_game, kappa, baseline, lambda *_: None)
    np.testing.assert_allclose(kappa * found.in_domain + found.out_of_domain, left, atol=1e-9)


def test_the_empty_score_moves_all_values_alike() -> None:
    low = _value(_grouped(), _clean(), empty_score=-5.0)
    high = _value(_grouped(), _clean(), empty_score=-1.0)
    np.testing.assert_allclose(low.values - high.values, 1.0)
    named = _value(_grouped(), _clean())
    assert spearmanr(low.values, named.values).statistic == pytest.approx(1.0)


def test_blocks_bands_and_the_codes_bandwidth_agree_in_order() -> None:
    exact = _value(_grouped(), _clean(), blocks=1).values
    for settings in ({"blocks": 4}, {"blocks": 4, "bandwidth": 1}, {"kernel": "code"}):
        other = _value(_grouped(), _clean(), **settings).values
        assert np.argmin(other) == np.argmin(exact)
    many = _value(_grouped(), _clean(), blocks=4, permutations=3)
    assert many.stats["permutations"] == 3
    assert np.argmin(many.values) == np.argmin(exact)
    band = _value(_grouped(), _clean(), blocks=4, bandwidth=3).values
    np.testing.assert_allclose(band, exact, rtol=1e-5, atol=1e-9)


def test_many_contributors_are_sampled() -> None:
    data = _grouped(300)
    names = np.array([f"c{i:02d}" for i in range(12)], dtype=object)
    data = replace(data, groups=names[np.random.default_rng(1).integers(0, 12, 300)])
    result = _value(data, _clean(), most=40)
    assert result.stats["rounds"] == 40
    assert (result.std_errors > 0).all()
    assert "raise" in " ".join(result.warnings) or result.stats["settled"]


def test_without_a_trusted_set_a_part_is_held_out_loudly() -> None:
    result = _value(_grouped())
    assert "no trusted set was given" in result.status
    assert result.columns["samples"].sum() == 128


def test_marked_samples_are_the_trusted_set() -> None:
    data = _grouped()
    marked = np.zeros(160, dtype=bool)
    marked[:40] = True
    result = _value(replace(data, trusted=marked))
    assert "40 samples marked as trusted" in result.status
    assert result.columns["samples"].sum() == 120


def test_samples_without_labels_take_no_part() -> None:
    data = _grouped()
    labels = data.labels.copy()
    labels[:10] = -1
    result = _value(replace(data, labels=labels), _clean())
    assert result.columns["samples"].sum() == 150
    assert result.stats["unlabelled"] == 10


def test_regression() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((160, 5))
    targets = vectors[:, 0] + 0.1 * rng.standard_normal(160)
    groups = np.array(NAMES, dtype=object)[rng.integers(0, 4, 160)]
    targets[groups == "bob"] = 3 * rng.standard_normal(int((groups == "bob").sum()))
    vectors[groups == "bob"] += 3
    data = replace(vector_dataset(vectors, targets, Task.REGRESSION), groups=groups)
    result = _value(data)
    assert result.ids[int(np.argmin(result.values))] == "bob"
    assert result.stats["performance"] == "negative mean squared error"


@pytest.mark.parametrize("net", ["auto", "mlp", "resnet"])
def test_images(net: str) -> None:
    rng = np.random.default_rng(0)
    files = []
    for index in range(24):
        pixels = rng.integers(0, 80, (12, 12)).astype(np.uint8)
        pixels[:, :6] += np.uint8(120 * (index % 2))
        files.append(picture_of(pixels))
    data = image_dataset(files)
    data = replace(data, groups=np.array(["a", "b", "c"], dtype=object)[np.arange(24) // 8 % 3])
    result = _value(data, net=net)
    assert result.stats["net"] == ("cnn" if net == "auto" else net)
    assert np.isfinite(result.values).all()


def picture_of(pixels: np.ndarray) -> bytes:
    import io

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def test_one_contributor_and_one_sample_each() -> None:
    data = _grouped(40)
    alone = _value(replace(data, groups=np.full(40, "only", dtype=object)), _clean())
    assert alone.ids == ("only",)
    assert "nothing to compare" in " ".join(alone.warnings)
    own = np.array([f"p{i}" for i in range(40)], dtype=object)
    assert np.isfinite(_value(replace(data, groups=own), _clean(), game="loo").values).all()


def test_curves_start_and_end_where_they_must() -> None:
    result = _value(_grouped(), _clean())
    table = result.tables["curves"]
    assert set(table["order"]) == {"lowest", "highest", "random"}
    whole = result.stats["full_performance"]
    for (_, direction), path in table.groupby(["order", "direction"]):
        assert path["count"].tolist() == [0, 1, 2, 3, 4]
        end = path.iloc[0 if direction == "remove" else -1]
        assert end["performance"] == pytest.approx(whole)
        assert end["samples"] == 160


def test_leaving_out_samples_in_closed_form() -> None:
    data = _grouped(40)
    result = _value(data, _clean(), per_sample=True, blocks=1, initialisations=1)
    table = result.tables["sample_scores"]
    assert table["id"].tolist() == list(data.ids)
    assert "does not find wrong labels" in result.status
    own = replace(data, groups=np.array([f"{i:02d}" for i in range(40)], dtype=object))
    settings = {"game": "loo", "blocks": 1, "initialisations": 1, "kappa": result.stats["kappa"]}
    each = _value(own, _clean(), **settings)
    np.testing.assert_allclose(table["value"], each.values, rtol=1e-6, atol=1e-9)


def test_what_it_cannot_do_is_refused_by_name() -> None:
    with pytest.raises(UnsuitableDataError, match=r"names none.*--group"):
        _value(replace(_grouped(), groups=None))
    with pytest.raises(SettingsError, match="game"):
        _value(_grouped(), game="poker")
    with pytest.raises(UnsuitableDataError, match="differ in dimensions"):
        _value(_grouped(), vector_dataset(np.zeros((4, 2)), np.array([0, 1, 0, 1])))


def test_the_same_seed_gives_the_same_values() -> None:
    one, two = (_value(_grouped(), _clean()) for _ in range(2))
    np.testing.assert_array_equal(one.values, two.values)


def test_it_can_be_cancelled() -> None:
    def stop(fraction: float, stage: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        valuators.get("davinz", FAST).value(_grouped(), progress=stop)


def test_baselines_stand_beside_the_value() -> None:
    result = _value(_grouped(), _clean())
    frame = pd.DataFrame(dict(result.columns), index=result.ids)
    assert frame["influence"].idxmin() == "cid"
    assert np.isfinite(frame[["retraining", "robust_volume"]]).all(axis=None)


def test_few_contributors_are_valued_over_all_coalitions() -> None:
    data = _grouped()
    names = np.array([f"c{i}" for i in range(7)], dtype=object)
    data = replace(data, groups=names[np.random.default_rng(1).integers(0, 7, 160)])
    result = _value(data, _clean(), initialisations=1)
    assert result.stats["rounds"] == 2**7
    assert result.stats["settled"]
    assert (result.std_errors == 0).all()
    total = result.values.sum()
    sampled = _value(data, _clean(), initialisations=1, most=32, tolerance=0.0)
    assert sampled.stats["rounds"] == 32
    assert sampled.values.sum() == pytest.approx(total)  # both add up to nu(all) - nu(none)


def test_nothing_left_to_value_is_said() -> None:
    data = replace(_grouped(20), trusted=np.ones(20, dtype=bool))
    with pytest.raises(UnsuitableDataError, match=r"there are 0 and 20\. Mark fewer"):
        _value(data)
