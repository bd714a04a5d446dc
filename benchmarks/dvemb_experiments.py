"""Experiments around Data Value Embedding at small scale: phases, mislabels, online selection.

MNIST, MLP 784-128-10, SGD. Phases: mean |influence| over the learning rate by tenth of the run.
Mislabels: AUROC of summed values on 20 % flipped labels, beside real removal's own in the paper's
remark that this is no mislabel score. Online selection: at each step the half of a double batch
with the largest inner product with the validation gradient is trained on, in every step, in the
first and last fifth of the steps only, or never (a random half); test accuracy with 30 % flipped
labels, and the share of steps that pay for selection.

    python benchmarks/dvemb_experiments.py [phases] [mislabels] [selection] [--seeds 3]
"""

from __future__ import annotations

import argparse
import platform
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from plots import write_lines
from sklearn.metrics import roc_auc_score
from torch import Tensor

import dvaudit
from dvaudit.gradients import (
    Curvature,
    capture,
    draw_updates,
    influences,
    plan_taps,
    query_gradients,
    train,
)
from dvaudit.gradients.losses import Batch, cross_entropy, take
from dvaudit.models.trainable import trainable_net
from dvaudit.valuators import Shared

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FIGURES = Path(__file__).with_name("figures")
N, BATCH, RATE = 2000, 16, 0.01
FIFTH = 5


def digits(seed: int, share: float) -> tuple[Batch, Batch, Batch, Tensor]:
    """Return training, validation and test digits, and which training labels are replaced."""
    rng = np.random.default_rng(seed)
    data, held = (dvaudit.load(DATA / f"{name}.zip") for name in NAMES)
    truth = pd.read_csv(DATA / "mnist_12k_truth.csv").set_index("path")["true_label"]
    rows = rng.permutation(len(data))[:N]
    codes = np.array([int(truth[data.ids[row]]) for row in rows])
    wrong = rng.random(N) < share
    codes = np.where(wrong, (codes + rng.integers(1, 10, N)) % 10, codes)
    assert held.labels is not None
    pictures, other = (torch.as_tensor(Shared().pictures(part, _quiet)) for part in (data, held))
    known = torch.as_tensor(held.labels.astype(np.int64))
    return (
        (pictures[rows], torch.as_tensor(codes)),
        (other[:500], known[:500]),
        (other[500:], known[500:]),
        torch.as_tensor(wrong),
    )


NAMES = ("mnist_12k_flipped", "mnist_2k_heldout")


def _quiet(fraction: float, stage: str) -> None:
    pass


def phases(seeds: int) -> None:
    tenths = []
    for seed in range(seeds):
        data, held, _, _ = digits(seed, 0.0)
        net = trainable_net("mlp", (1, 28, 28), 10, seed=seed, widths=(128,))
        updates = draw_updates(N, batch=BATCH, epochs=10, rate=RATE, seed=seed)
        run = train(net, cross_entropy, data, updates)
        query = query_gradients(net, cross_entropy, held, run)
        each = np.zeros(len(updates))
        for step in influences(net, cross_entropy, data, run, query):
            each[step.step] = float(step.values.abs().mean()) / RATE
        tenths.append([part.mean() for part in np.array_split(each, 10)])
    mean = np.mean(tenths, axis=0)
    write_lines(
        FIGURES / "dvemb_phases.svg",
        "Data Value Embedding: influence over a run",
        "tenth of the run",
        "mean |influence| / learning rate",
        {"mean of the seeds": (list(range(1, 11)), [float(value) for value in mean])},
    )
    said = " ".join(f"{value:.2e}" for value in mean)
    print(f"phases, mean |influence| / rate by tenth of the run: {said}", flush=True)


def mislabels(seeds: int) -> None:
    found: dict[str, list[float]] = {}
    for seed in range(seeds):
        data, held, _, wrong = digits(seed, 0.2)
        net = trainable_net("mlp", (1, 28, 28), 10, seed=seed, widths=(128,))
        updates = draw_updates(N, batch=BATCH, epochs=3, rate=RATE, seed=seed)
        run = train(net, cross_entropy, data, updates)
        query = query_gradients(net, cross_entropy, held, run)
        for kind in Curvature:
            sums = torch.zeros(N)
            for step in influences(net, cross_entropy, data, run, query, curvature=kind):
                sums.index_add_(0, step.rows, step.values[:, 0])
            found.setdefault(kind.value, []).append(roc_auc_score(wrong, -sums.numpy()))
    for kind, values in found.items():
        print(f"mislabels, {kind}: AUROC {np.mean(values):.3f} {np.round(values, 3)}", flush=True)


def selection(seeds: int) -> None:
    found: dict[str, list[float]] = {}
    for seed in range(seeds):
        data, held, test, _ = digits(seed, 0.3)
        for when in ("every step", "first and last fifth", "never"):
            found.setdefault(when, []).append(_selected(data, held, test, when, seed))
    for when, values in found.items():
        paid = {"every step": 1.0, "never": 0.0}.get(when, 2 / FIFTH)
        print(
            f"selection in {when}: accuracy {np.mean(values):.3f} {np.round(values, 3)}; "
            f"{paid:.0%} of the steps select",
            flush=True,
        )


def _selected(data: Batch, held: Batch, test: Batch, when: str, seed: int) -> float:
    """Return the test accuracy of a run that selects half of each double batch."""
    net = trainable_net("mlp", (1, 28, 28), 10, seed=seed, widths=(128,))
    taps = plan_taps(net, cross_entropy, data)
    updates = draw_updates(N, batch=2 * BATCH, epochs=20, rate=5 * RATE, seed=seed)
    optimiser = torch.optim.SGD(net.parameters(), lr=5 * RATE)
    for number, update in enumerate(updates):
        position = FIFTH * number // len(updates)
        selects = when == "every step" or (
            when == "first and last fifth" and position in (0, FIFTH - 1)
        )
        rows = update.rows
        if selects:
            target = capture(net, cross_entropy, held, taps).gradient()
            inner = capture(net, cross_entropy, take(data, rows), taps).inner_products(target[None])
            rows = rows[inner[:, 0].argsort(descending=True)[: len(rows) // 2]]
        else:
            rows = rows[: len(rows) // 2]
        optimiser.zero_grad()
        inputs, targets = take(data, rows)
        cross_entropy(net(inputs), targets).mean().backward()
        optimiser.step()
    with torch.no_grad():
        return float((net(test[0]).argmax(1) == test[1]).double().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"torch {torch.__version__}, {platform.machine()}, {args.threads} threads")
    for name in args.parts or ["phases", "mislabels", "selection"]:
        start = time.perf_counter()
        {"phases": phases, "mislabels": mislabels, "selection": selection}[name](args.seeds)
        print(f"  {name}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
