"""DVGS: what it measures, and how it treats an unbalanced or memorised trusted set."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score
from vectors import vector_dataset

from dvaudit import valuators
from dvaudit.core.dataset import Dataset, Kind, Task
from dvaudit.core.progress import silent
from dvaudit.core.result import ValuationResult
from dvaudit.core.trace import unwatched
from dvaudit.gradients import losses, target_similarities
from dvaudit.gradients.dvgs import adam
from dvaudit.valuators.components import reduced
from dvaudit.valuators.learner import build_learner
from dvaudit.valuators.trained import TrainingProblem


def _value(data: Dataset, trusted: Dataset | None, **settings: Any) -> ValuationResult:
    return valuators.get("dvgs", settings).value(data, trusted=trusted)


def _blobs(n: int, classes: int, dimensions: int, seed: int) -> Dataset:
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % classes
    vectors = 2 * np.eye(classes, dimensions)[codes] + rng.standard_normal((n, dimensions))
    return vector_dataset(vectors, codes)


def _unlabelled(vectors: np.ndarray) -> Dataset:
    data = vector_dataset(vectors, np.zeros(len(vectors)))
    return replace(data, labels=None, class_names=(), task=Task.UNSUPERVISED)


def _flipped(data: Dataset, share: float) -> tuple[Dataset, np.ndarray]:
    rng = np.random.default_rng(5)
    assert data.labels is not None
    wrong = rng.random(len(data)) < share
    classes = len(data.class_names)
    labels = np.where(wrong, (data.labels + 1) % classes, data.labels)
    return replace(data, labels=labels), wrong


def test_values_are_mean_similarities_to_the_trusted_gradient() -> None:
    """By hand: one training on the whole trusted set, unweighted, each second step looked at."""
    data, trusted = _blobs(20, 2, 5, 0), _blobs(12, 2, 5, 1)
    asked = {"steps": 6, "every": 2, "restarts": 1, "balanced": False, "overfit": 0.0, "decay": 0.1}
    result = _value(data, trusted, **asked)
    assert data.labels is not None
    assert trusted.labels is not None
    problem = TrainingProblem(
        task=Task.CLASSIFICATION,
        inputs=np.asarray(data.vectors, dtype=np.float32),
        labels=data.labels.astype(np.int64),
        class_names=("0", "1"),
        ids=data.ids,
        trusted_inputs=np.asarray(trusted.vectors, dtype=np.float32),
        trusted_labels=trusted.labels.astype(np.int64),
        seed=0,
        device="cpu",
        progress=silent,
        watch=unwatched,
    )
    learner = build_learner(problem, "mlp", seed=0, widths=(512,), activation="mish")
    assert learner.trusted is not None
    steps = target_similarities(
        learner.net,
        losses.cross_entropy,
        learner.source,
        learner.trusted,
        [torch.arange(12)] * 6,
        optimiser=partial(adam, decay=0.1),
        every=2,
    )
    looks = [step.values.numpy() for step in steps if step.values is not None]
    assert len(looks) == 3
    np.testing.assert_allclose(result.values, np.mean(looks, axis=0), atol=1e-6)
    assert result.trace is not None
    assert result.trace.points.tolist() == [0, 2, 4]
    np.testing.assert_allclose(result.trace.values, looks, atol=1e-6)


def test_an_unbalanced_trusted_set_does_not_favour_its_majority() -> None:
    data, trusted = _blobs(80, 2, 6, 0), _blobs(80, 2, 6, 1)
    assert data.labels is not None
    few = np.concatenate([np.flatnonzero(trusted.labels == 0), np.flatnonzero(trusted.labels)[:8]])
    assert trusted.vectors is not None
    assert trusted.labels is not None
    unbalanced = vector_dataset(trusted.vectors[few], trusted.labels[few])

    def gap(**settings: Any) -> float:
        values = _value(data, unbalanced, steps=10, every=1, **settings).values
        return float(values[data.labels == 0].mean() - values[data.labels == 1].mean())

    assert abs(gap()) < 0.3 * gap(balanced=False)


def test_a_target_that_is_memorised_in_leaps_is_learned_in_smaller_steps() -> None:
    """More dimensions than trusted samples."""
    data, wrong = _flipped(_blobs(200, 3, 600, 0), 0.2)
    trusted = _blobs(60, 3, 600, 1)
    asked: dict[str, Any] = {"components": None, "rate": 0.01, "decay": 0.0}
    watched = _value(data, trusted, **asked)
    assert watched.stats["rate"] < 0.01
    assert f"lowered from 0.01 to {watched.stats['rate']:.2g}" in watched.status
    assert max(watched.stats["steps"]) <= 200
    careless = _value(data, trusted, **asked, overfit=0.0)
    assert careless.stats["rate"] == 0.01
    assert careless.stats["steps"] == [200, 200, 200]
    scores = [roc_auc_score(wrong, -result.values) for result in (watched, careless)]
    assert scores[0] > scores[1]


def test_training_stops_when_the_trusted_samples_are_learned() -> None:
    data, trusted = _blobs(60, 2, 4, 0), _blobs(40, 2, 4, 1)
    result = _value(data, trusted, steps=5000, overfit=0.3)
    assert all(60 <= steps < 5000 for steps in result.stats["steps"])
    assert "when the trusted samples were learned" in result.status
    assert max(result.stats["last_gradient"]) < 0.3 * max(result.stats["largest_gradient"])


def test_noisy_inputs_are_found_without_labels() -> None:
    rng = np.random.default_rng(0)
    basis, noise = rng.standard_normal((10, 40)), rng.uniform(0, 3, 150)
    noisy = rng.standard_normal((150, 10)) @ basis
    noisy += noise[:, None] * rng.standard_normal((150, 40))
    result = _value(_unlabelled(noisy), _unlabelled(rng.standard_normal((100, 10)) @ basis))
    assert np.isfinite(result.values).all()
    assert spearmanr(result.values, -noise)[0] > 0.5


def test_restarts_give_standard_errors_and_one_gives_none() -> None:
    data, trusted = _blobs(30, 2, 4, 0), _blobs(20, 2, 4, 1)
    assert _value(data, trusted, restarts=1, steps=4, every=1).std_errors is None
    several = _value(data, trusted, restarts=4, steps=4, every=1)
    assert several.std_errors is not None
    assert (several.std_errors > 0).all()


def test_classes_without_a_trusted_sample_are_named() -> None:
    data = _blobs(60, 3, 6, 0)
    assert data.vectors is not None
    assert data.labels is not None
    known = data.labels < 2
    trusted = vector_dataset(data.vectors[known], data.labels[known])
    assert "1 class has no trusted sample (class 2)" in _value(data, trusted, steps=4).warnings[0]


def test_the_last_layer_alone_can_be_compared() -> None:
    data, trusted = _blobs(30, 2, 4, 0), _blobs(20, 2, 4, 1)
    whole, last = (_value(data, trusted, steps=4, parameters=name) for name in ("all", "last"))
    assert not np.allclose(whole.values, last.values)
    assert spearmanr(whole.values, last.values)[0] > 0.5


def test_components_keep_their_natural_scale() -> None:
    rng = np.random.default_rng(0)
    scales = np.array([3.0, 2.0, 1.0])
    basis = np.linalg.qr(rng.standard_normal((40, 3)))[0]
    vectors = (rng.standard_normal((500, 3)) * scales) @ basis.T
    problem = TrainingProblem(
        task=Task.REGRESSION,
        inputs=vectors.astype(np.float32),
        labels=np.zeros(500),
        class_names=(),
        ids=tuple(map(str, range(500))),
        trusted_inputs=vectors[:5].astype(np.float32),
        trusted_labels=np.zeros(5),
        seed=0,
        device="cpu",
        progress=silent,
        watch=unwatched,
    )
    made = reduced(problem, 3)
    assert made.scaled
    assert made.inputs.shape == (500, 3)
    np.testing.assert_allclose(np.square(made.inputs).mean(), 1, rtol=1e-4)
    spread = made.inputs.std(0)
    assert spread[0] > spread[1] > spread[2]
    np.testing.assert_allclose(made.trusted_inputs, made.inputs[:5], atol=1e-4)
    assert reduced(problem, 40) is problem
    assert Kind.VECTOR is vector_dataset(vectors, np.zeros(500)).kind
