"""The proxy net, and how groups of samples are learned by it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.progress import Cancelled
from dvaudit.models import group_dynamics, score_groups, train_proxy
from dvaudit.models.proxy import watch_training
from dvaudit.models.velocity import kernel_velocity


def _data(n: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    return 50 * np.eye(3, 6)[codes] + 10 * rng.standard_normal((n, 6)), codes


def test_net_learns_and_keeps_the_epochs_asked_for() -> None:
    vectors, codes = _data()
    run = train_proxy(vectors, codes, 3, epochs=6, keep=(1, 6), seed=1)
    assert sorted(run.features_by_epoch) == [1, 6]
    assert run.features_by_epoch[6].shape == (300, 128)
    assert run.features_by_epoch[6].dtype == np.float32
    assert len(run.accuracy) == len(run.loss) == 7
    assert run.accuracy[-1] > 0.95
    assert run.loss[-1] < run.loss[1] < run.loss[0]
    assert sorted(train_proxy(vectors, codes, 3, epochs=2).features_by_epoch) == [2]


def test_equal_seeds_give_equal_nets_and_the_global_generator_is_left_alone() -> None:
    vectors, codes = _data(100)
    torch.manual_seed(3)
    state = torch.random.get_rng_state()
    first, same, other = (train_proxy(vectors, codes, 3, epochs=2, seed=s) for s in (5, 5, 6))
    np.testing.assert_array_equal(first.features_by_epoch[2], same.features_by_epoch[2])
    assert not np.array_equal(first.features_by_epoch[2], other.features_by_epoch[2])
    assert torch.equal(torch.random.get_rng_state(), state)


def test_scale_of_the_features_and_constant_columns_change_nothing() -> None:
    vectors, codes = _data(100)
    small, large = np.full((100, 1), 3.0), np.full((100, 1), -1e6)
    plain = train_proxy(np.concatenate([vectors, small], 1), codes, 3, epochs=3)
    wide = train_proxy(np.concatenate([1000 * vectors + 7, large], 1), codes, 3, epochs=3)
    np.testing.assert_allclose(wide.loss, plain.loss, rtol=1e-2)
    assert train_proxy(np.ones((4, 2)), np.zeros(4, dtype=np.int64), 1).loss[-1] == 0


def test_wrong_codes_epochs_and_no_samples_are_refused() -> None:
    vectors, codes = _data(9)
    with pytest.raises(UnsuitableDataError, match="3 of 9 class codes are outside 0 to 1"):
        train_proxy(vectors, codes, 2)
    with pytest.raises(UnsuitableDataError, match=r"Epochs \[9\] are asked for"):
        train_proxy(vectors, codes, 3, epochs=2, keep=(1, 9))
    with pytest.raises(UnsuitableDataError, match="no sample"):
        train_proxy(vectors[:0], codes[:0], 3)


def test_training_can_be_cancelled() -> None:
    def stop(fraction: float, stage: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        train_proxy(*_data(9), 3, progress=stop)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_velocity_equals_the_cosine_of_the_gram_matrices(seed: int) -> None:
    before, after = (
        torch.randn((7, 4), generator=torch.Generator().manual_seed(seed + i)) for i in range(2)
    )
    grams = [(features @ features.T).double().flatten() for features in (before, after)]
    cosine = float(torch.nn.functional.cosine_similarity(grams[0], grams[1], dim=0))
    assert kernel_velocity(before, after) == pytest.approx(1 - cosine, abs=1e-6)
    assert kernel_velocity(before, 3 * before) == pytest.approx(0, abs=1e-9)
    assert np.isnan(kernel_velocity(before, 0 * after))


def test_groups_are_of_equal_size_from_the_least_useful_up() -> None:
    values = np.array([5.0, 1, np.nan, 3, 2, 4])
    assert score_groups(values, 5).tolist() == [4, 0, -1, 2, 1, 3]
    sizes = np.bincount(score_groups(np.random.default_rng(0).random(103)))
    assert len(sizes) == 10
    assert set(sizes.tolist()) == {10, 11}


def test_flipped_samples_are_learned_last_and_the_table_is_that_of_the_net() -> None:
    vectors, codes = _data()
    codes = codes.copy()
    codes[:30] = (codes[:30] + 1) % 3
    groups = np.where(np.arange(300) < 30, 0, 1)
    groups[-5:] = -1
    frame = group_dynamics(vectors, codes, 3, groups, epochs=4, seed=0)
    assert list(frame) == ["epoch", "group", "loss", "accuracy", "velocity"]
    assert len(frame) == 2 * 5
    assert frame.loc[frame["epoch"] == 0, "velocity"].isna().all()
    assert frame.loc[frame["epoch"] > 0, "velocity"].between(0, 1).all()
    last = frame[frame["epoch"] == 4].set_index("group")
    assert last.loc[0, "loss"] > 2 * last.loc[1, "loss"]
    assert last.loc[0, "accuracy"] < last.loc[1, "accuracy"]
    views = list(watch_training(vectors, codes, 3, epochs=4, seed=0))
    assert last.loc[0, "loss"] == pytest.approx(float(views[4].losses[:30].mean()), rel=1e-5)
    with pytest.raises(UnsuitableDataError, match="give one each"):
        group_dynamics(vectors, codes, 3, groups[:4])
