"""Data Value Embedding against real retraining, by curvature, and against its projections.

MNIST, 1,000 training digits and 2,000 validation digits, SGD rate .01, batches of 16, 5 epochs,
float64. The truth of a sample is the validation loss of a run without it less that of the full
run; its place in the batch stays empty, so that the others keep 1 / |B|. Dropped from the last
epoch alone, and from all. Spearman correlation over 50 samples. MLP 784-128-10, or a small CNN.

    python benchmarks/dvemb_fidelity.py [mlp] [cnn] [projections] [--seeds 3] [--samples 50]
"""

from __future__ import annotations

import argparse
import platform
import time
from pathlib import Path

import numpy as np
import torch
from plots import write_points
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.func import functional_call

import dvaudit
from dvaudit.gradients import (
    Curvature,
    Trajectory,
    draw_updates,
    embedding_sums,
    influences,
    plan_projections,
    plan_taps,
    project_queries,
    projected_embeddings,
    query_gradients,
    train,
)
from dvaudit.gradients.losses import Batch, cross_entropy
from dvaudit.models.trainable import trainable_net
from dvaudit.valuators import Shared

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
RATE, BATCH, EPOCHS, N = 0.01, 16, 5, 1000
FIGURES = Path(__file__).with_name("figures")
PAPER = {"mlp": "no figure", "cnn": ".818 and .682"}


def digits(seed: int) -> tuple[Batch, Batch]:
    """Return 1,000 training and 2,000 validation digits, float64 pixels in [0, 1]."""
    out = []
    for name, count in (("mnist_12k_flipped", N), ("mnist_2k_heldout", 2000)):
        data = dvaudit.load(DATA / f"{name}.zip")
        assert data.labels is not None
        pictures = Shared().pictures(data, lambda *_: None)
        rows = np.random.default_rng(seed).permutation(len(data))[:count]
        codes = torch.as_tensor(data.labels[rows].astype(np.int64))
        out.append((torch.as_tensor(pictures[rows]).double(), codes))
    return out[0], out[1]


def small_cnn() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 5, stride=2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(16 * 16, 10)),
    )


def made(name: str, seed: int) -> nn.Module:
    if name == "mlp":
        return trainable_net("mlp", (1, 28, 28), 10, seed=seed, widths=(128,)).double()
    torch.manual_seed(seed)
    return small_cnn().double().eval()


def validation_loss(net: nn.Module, values: dict[str, Tensor], batch: Batch) -> float:
    with torch.no_grad():
        return float(cross_entropy(functional_call(net, values, (batch[0],)), batch[1]).mean())


def without(
    net: nn.Module, data: Batch, run: Trajectory, row: int, start: int
) -> dict[str, Tensor]:
    """Return the parameters of the run from step `start` on without the sample."""
    theta = {name: value.clone() for name, value in run.at(start).items()}
    for update in run.updates[start:]:
        kept = update.rows[update.rows != row]
        chosen = {name: value.requires_grad_() for name, value in theta.items()}
        losses = cross_entropy(functional_call(net, chosen, (data[0][kept],)), data[1][kept])
        found = torch.autograd.grad(losses.sum() / len(update.rows), list(chosen.values()))
        theta = {
            name: (value - update.rate * gradient).detach()
            for (name, value), gradient in zip(chosen.items(), found, strict=True)
        }
    return theta


def fidelity(name: str, seed: int, samples: int) -> dict[str, tuple[float, float]]:
    """Return Spearman's correlation by curvature: last epoch, all epochs."""
    data, held = digits(seed)
    net = made(name, seed)
    updates = draw_updates(N, batch=BATCH, epochs=EPOCHS, rate=RATE, seed=seed)
    run = train(net, cross_entropy, data, updates)
    last = len(updates) * (EPOCHS - 1) // EPOCHS
    chosen = np.random.default_rng(seed + 100).permutation(N)[:samples]
    base = validation_loss(net, run.at(len(updates)), held)
    truth = np.array(
        [
            [
                validation_loss(net, without(net, data, run, int(row), start), held) - base
                for start in (last, 0)
            ]
            for row in chosen
        ]
    )
    query = query_gradients(net, cross_entropy, held, run)
    found, drawn = {}, {}
    for kind in Curvature:
        sums = np.zeros((2, N))
        for step in influences(net, cross_entropy, data, run, query, curvature=kind):
            value, rows = step.values[:, 0].numpy(), step.rows.numpy()
            sums[1, rows] += value
            if step.step >= last:
                sums[0, rows] += value
        found[kind.value] = tuple(
            float(spearmanr(truth[:, at], sums[at, chosen])[0]) for at in (0, 1)
        )
        drawn[kind.value.replace("_", "-")] = (truth[:, 1].tolist(), sums[1, chosen].tolist())
    if seed == 0:
        write_points(
            FIGURES / f"dvemb_fidelity_{name}.svg",
            f"Data Value Embedding, {name}: influence against retraining",
            "change of the validation loss when retrained without the sample",
            "influence, all epochs",
            drawn,
        )
    return found


def projections(seed: int) -> None:
    """Print the rank correlation of projected embeddings' influence with the adjoint's."""
    data, held = digits(seed)
    net = made("mlp", seed)
    updates = draw_updates(N, batch=BATCH, epochs=EPOCHS, rate=RATE, seed=seed)
    run = train(net, cross_entropy, data, updates)
    query = query_gradients(net, cross_entropy, held, run)
    exact = np.zeros(N)
    for step in influences(net, cross_entropy, data, run, query):
        exact[step.rows.numpy()] += step.values[:, 0].numpy()
    taps = plan_taps(net, cross_entropy, data)
    for size in (64, 256, 1024, 4096):
        start = time.perf_counter()
        plan = plan_projections(taps, size=size, seed=seed, like=run.end)
        steps = projected_embeddings(
            net, cross_entropy, data, run, plan, curvature=Curvature.GAUSS_NEWTON
        )
        sums = embedding_sums(steps, N, plan.size)
        asked = project_queries(net, cross_entropy, held, run, plan)
        values = (sums.double() @ asked.double().T).mean(1).numpy()
        print(
            f"  {size} numbers a layer: Spearman with the adjoint "
            f"{spearmanr(values, exact)[0]:.3f}, {time.perf_counter() - start:.1f} s",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"torch {torch.__version__}, {platform.machine()}, {args.threads} threads")
    for name in args.parts or ["mlp", "cnn", "projections"]:
        start = time.perf_counter()
        if name == "projections":
            projections(0)
        else:
            found = [fidelity(name, seed, args.samples) for seed in range(args.seeds)]
            for kind in found[0]:
                rows = np.array([each[kind] for each in found])
                print(
                    f"  {name}, {kind}: last epoch {rows[:, 0].mean():.3f} "
                    f"{np.round(rows[:, 0], 3)}, all epochs {rows[:, 1].mean():.3f} "
                    f"{np.round(rows[:, 1], 3)}; paper {PAPER[name]}",
                    flush=True,
                )
        print(f"  {name}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
