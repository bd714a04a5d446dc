"""LiveVal as a detector, as in the paper: hits among the k lowest of 100 scored samples.

MNIST (mnist_12k, true labels): k ones relabelled as sevens in the whole set, 100 - k other samples
drawn at random; SGD rate .05, batches of 64, no momentum, shuffled epochs, default window; values
summed. Chance is k^2 / 100. Also by epoch, on LeNet-5, with Gaussian feature noise in place of
wrong labels (Table III), and on Adult and banking77 (Table IV).

    python benchmarks/liveval_detection.py [flips] [lenet] [noise] [tables] [--seeds 5]
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from plots import write_lines
from torch import Tensor, nn

import dvaudit
from dvaudit import features
from dvaudit.gradients import draw_updates, live_values, losses
from dvaudit.models.trainable import trainable_net
from dvaudit.valuators import Shared

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FIGURES = Path(__file__).with_name("figures")
SCORED, CORRUPTED = 100, (10, 20, 30, 40)
RATE, BATCH, EPOCHS = 0.05, 64, 3
BARS = {10: 4.5, 20: 14, 30: 22, 40: 32}
PAPER = {
    "flips": (6.4, 13.8, 20.6, 28.4),
    "noise": (2.0, 6.2, 11.2, 25.8),
    "banking77": (3.0, 8.8, 16.8, 22.6),
    "adult": (3.4, 6.8, 11.6, 17.2),
}


def mnist() -> tuple[np.ndarray, np.ndarray]:
    """Return (12000, 1, 28, 28) pictures and their true digits.

    Pixels have mean 0 and deviation 1 over all, as in the authors' training code.
    """
    data = dvaudit.load(DATA / "mnist_12k_flipped.zip")
    truth = pd.read_csv(DATA / "mnist_12k_truth.csv").set_index("path")["true_label"]
    digits = np.array([int(truth[name]) for name in data.ids])
    pictures = Shared().pictures(data, lambda *_: None)
    return (pictures - pictures.mean()) / pictures.std(), digits


def hits(values: Tensor, scored: np.ndarray, bad: np.ndarray) -> int:
    """Return how many bad ones are among the len(bad) lowest of the scored samples."""
    order = scored[np.argsort(values.numpy()[scored], kind="stable")]
    return int(np.isin(order[: len(bad)], bad).sum())


def trained_hits(
    net: nn.Module,
    inputs: Tensor,
    codes: Tensor,
    scored: np.ndarray,
    bad: np.ndarray,
    seed: int,
    epochs: int = EPOCHS,
) -> list[int]:
    """Return the hits after each epoch."""
    updates = draw_updates(len(inputs), batch=BATCH, epochs=epochs, rate=RATE, seed=seed)
    steps = -(-len(inputs) // BATCH)
    total = torch.zeros(len(inputs), dtype=torch.float64)
    found = [0] * epochs
    for step in live_values(net, losses.cross_entropy, (inputs, codes), updates):
        total.index_add_(0, step.rows, step.values.double())
        epoch = (step.step - 1) // steps
        if step.step % steps == 0:
            found[epoch] = hits(total, scored, bad)
    found[-1] = hits(total, scored, bad)
    return found


def relabelled(
    codes: np.ndarray, k: int, wrong_of: int, to: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels with k of one class relabelled, the 100 scored rows, and the k bad ones."""
    bad = rng.choice(np.flatnonzero(codes == wrong_of), k, replace=False)
    rest = np.setdiff1d(np.arange(len(codes)), bad)
    scored = np.concatenate([bad, rng.choice(rest, SCORED - k, replace=False)])
    labels = codes.copy()
    labels[bad] = to
    return labels, scored, bad


def report(name: str, rows: dict[int, list[list[int]]], paper: tuple[float, ...] | None) -> None:
    for index, (k, found) in enumerate(rows.items()):
        by_epoch = np.mean(found, axis=0)
        said = " ".join(f"{value:.1f}" for value in by_epoch)
        last = [each[-1] for each in found]
        beside = f", paper {paper[index]}" if paper else ""
        print(
            f"  {name}, k {k}: {by_epoch[-1]:.1f} of {k} (by epoch {said}; seeds {last}), "
            f"chance {k * k / SCORED:.0f}{beside}",
            flush=True,
        )


def flips(seeds: int, net: str = "mlp", epochs: int = EPOCHS) -> None:
    pictures, digits = mnist()
    inputs = torch.as_tensor(pictures)
    rows: dict[int, list[list[int]]] = {}
    for k in CORRUPTED:
        for seed in range(seeds):
            rng = np.random.default_rng([seed, k])
            labels, scored, bad = relabelled(digits, k, 1, 7, rng)
            made = trainable_net(net, (1, 28, 28), 10, seed=seed, widths=(128,))
            found = trained_hits(
                made, inputs, torch.as_tensor(labels), scored, bad, seed, epochs=epochs
            )
            rows.setdefault(k, []).append(found)
    report(f"MNIST 1 -> 7, {net}", rows, PAPER["flips"])
    means = {k: np.mean(found, axis=0) for k, found in rows.items()}
    lines = {
        f"epoch {epoch + 1}": (list(means), [float(mean[epoch]) for mean in means.values()])
        for epoch in range(epochs)
    }
    lines["paper"] = (list(means), list(PAPER["flips"]))
    lines["chance"] = (list(means), [k * k / SCORED for k in means])
    write_lines(
        FIGURES / f"liveval_{net}.svg",
        f"LiveVal, MNIST 1 to 7, {net}: wrong labels among the k lowest",
        "k wrong labels among 100 scored",
        "found",
        lines,
    )


def noise(seeds: int) -> None:
    pictures, digits = mnist()
    for sigma in (1.0, 2.0, 5.0):
        rows: dict[int, list[list[int]]] = {}
        for k in CORRUPTED:
            for seed in range(seeds):
                rng = np.random.default_rng([seed, k])
                _, scored, bad = relabelled(digits, k, 1, 1, rng)
                bad = rng.choice(scored, k, replace=False)
                noisy = pictures.copy()
                noisy[bad] += sigma * rng.standard_normal(noisy[bad].shape).astype(np.float32)
                made = trainable_net("mlp", (1, 28, 28), 10, seed=seed, widths=(128,))
                codes = torch.as_tensor(digits)
                found = trained_hits(made, torch.as_tensor(noisy), codes, scored, bad, seed)
                rows.setdefault(k, []).append(found)
        report(f"MNIST, noise {sigma:g}", rows, PAPER["noise"] if sigma == 1 else None)


def tables(seeds: int) -> None:
    for name, file, label in (
        ("adult", "adult.csv", "income"),
        ("banking77", "banking77_train.csv", "category"),
    ):
        data = dvaudit.load(pd.read_csv(DATA / file, dtype=str).iloc[:12_000], label=label)
        assert data.labels is not None
        matrix = features.extract(data, None).matrix
        spread = matrix.std(0)
        matrix = (matrix - matrix.mean(0)) / np.where(spread > 1e-6 * spread.max(), spread, np.inf)
        inputs = torch.as_tensor(matrix.astype(np.float32))
        codes, classes = data.labels.astype(np.int64), len(data.class_names)
        rows: dict[int, list[list[int]]] = {}
        for k in CORRUPTED:
            for seed in range(seeds):
                rng = np.random.default_rng([seed, k])
                bad = rng.choice(len(codes), k, replace=False)
                rest = np.setdiff1d(np.arange(len(codes)), bad)
                scored = np.concatenate([bad, rng.choice(rest, SCORED - k, replace=False)])
                labels = codes.copy()
                labels[bad] = (labels[bad] + rng.integers(1, classes, k)) % classes
                made = trainable_net("mlp", inputs.shape[1:], classes, seed=seed, widths=(128,))
                found = trained_hits(made, inputs, torch.as_tensor(labels), scored, bad, seed)
                rows.setdefault(k, []).append(found)
        report(name, rows, PAPER[name])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"torch {torch.__version__}, {platform.machine()}, {args.threads} threads; bars {BARS}")
    parts: dict[str, Callable[[], None]] = {
        "flips": lambda: flips(args.seeds),
        "lenet": lambda: flips(min(args.seeds, 2), "lenet5"),
        "noise": lambda: noise(args.seeds),
        "tables": lambda: tables(args.seeds),
    }
    for name in args.parts or list(parts):
        start = time.perf_counter()
        parts[name]()
        print(f"  {name}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
