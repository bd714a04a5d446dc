"""What following a training costs: LiveVal and DVEmb against the training itself, in one run.

LiveVal: LeNet-5 on mnist_12k, batches of 64, one epoch, against plain training (forward, backward,
SGD step on the same batches). DVEmb: one Gauss-Newton sweep over an MLP 784-128-10 with all points
in memory, batches of 64 and 16, against the recorded training it explains and against a bare one.
Repetitions take turns, the fastest counts. Peak memory of the sweep beside n x p.

    python benchmarks/training_speed.py [--repeats 5] [--threads 1]
"""

from __future__ import annotations

import argparse
import platform
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

import dvaudit
from dvaudit.gradients import (
    Layout,
    Update,
    draw_updates,
    influences,
    live_values,
    query_gradients,
    train,
)
from dvaudit.gradients.losses import Batch, cross_entropy
from dvaudit.models.trainable import trainable_net
from dvaudit.valuators import Shared

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist_12k_flipped.zip"
RATE = 0.05
MIB = 1 << 20


def mnist() -> Batch:
    data = dvaudit.load(DATA)
    assert data.labels is not None
    pictures = Shared().pictures(data, lambda *_: None)
    return torch.as_tensor(pictures), torch.as_tensor(data.labels).long()


def fastest(passes: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return seconds of the fastest of several passes, which take turns after a first one."""
    best = dict.fromkeys(passes, float("inf"))
    for _ in range(repeats + 1):
        for name, run in passes.items():
            start = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def plain(net: nn.Module, data: Batch, updates: Sequence[Update]) -> None:
    optimiser = torch.optim.SGD(net.parameters(), lr=RATE)
    for update in updates:
        optimiser.zero_grad()
        cross_entropy(net(data[0][update.rows]), data[1][update.rows]).mean().backward()
        optimiser.step()


def liveval(data: Batch, repeats: int) -> None:
    updates = draw_updates(len(data[0]), batch=64, epochs=1, rate=RATE, seed=0)

    def net() -> nn.Module:
        return trainable_net("lenet5", (1, 28, 28), 10, seed=0)

    def live() -> None:
        for _ in live_values(net(), cross_entropy, data, updates):
            pass

    times = fastest({"plain": lambda: plain(net(), data, updates), "live": live}, repeats)
    print(
        f"LiveVal, LeNet-5, {len(updates)} steps of 64: {times['live']:.2f} s, plain training "
        f"{times['plain']:.2f} s, ratio {times['live'] / times['plain']:.2f} (at most 2.0)",
        flush=True,
    )


def dvemb(data: Batch, batch: int, samples: int, repeats: int) -> None:
    part = (data[0][:samples], data[1][:samples])
    held = (data[0][-1000:], data[1][-1000:])
    updates = draw_updates(samples, batch=batch, epochs=1, rate=0.01, seed=0)
    net = trainable_net("mlp", (1, 28, 28), 10, seed=0, widths=(128,))
    size = Layout.of(net).size
    points = torch.empty((len(updates) + 1, size))
    run = train(net, cross_entropy, part, updates, points=points)
    query = query_gradients(net, cross_entropy, held, run)

    def sweep() -> None:
        for _ in influences(net, cross_entropy, part, run, query):
            pass

    before = _peak()
    sweep()
    grown = _peak() - before
    times = fastest(
        {
            "sweep": sweep,
            "recorded": lambda: train(net, cross_entropy, part, updates, points=points),
            "bare": lambda: plain(
                trainable_net("mlp", (1, 28, 28), 10, seed=0, widths=(128,)), part, updates
            ),
        },
        repeats,
    )
    print(
        f"DVEmb, MLP 784-128-10, {len(updates)} steps of {batch}: sweep {times['sweep']:.2f} s, "
        f"{times['sweep'] / times['recorded']:.2f} times the recorded training (at most 3), "
        f"{times['sweep'] / times['bare']:.2f} times a bare one; memory grew by "
        f"{grown / MIB:.0f} MiB, n x p would be {4 * samples * size / MIB:,.0f} MiB",
        flush=True,
    )


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"torch {torch.__version__}, {platform.machine()}, {args.threads} threads")
    data = mnist()
    liveval(data, args.repeats)
    for batch in (64, 16):
        dvemb(data, batch, 4000, args.repeats)


if __name__ == "__main__":
    main()
