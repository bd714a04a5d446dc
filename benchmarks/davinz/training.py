"""What a net reaches on held-out samples after training: the ground truth of the experiments.

Every set is trained for the same number of Adam steps, whatever its size: at the same number of
epochs the small sets would be far from converged, and the truth would measure that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from davinz.data import Pool


@dataclass(frozen=True)
class Training:
    """How a net is trained, and on how many seeds the performance is averaged."""

    net: str = "mlp"
    steps: int = 300
    batch: int = 64
    rate: float = 1e-3
    runs: int = 2
    hidden: int = 64

    def __str__(self) -> str:
        shape = f"MLP of {self.hidden} hidden units" if self.net == "mlp" else "CNN 16-32"
        return (
            f"truth: {shape}, ReLU, Adam {self.rate:g}, {self.steps} steps of {self.batch}, mean "
            f"of {self.runs} seeds"
        )


def performance(training: Training, train: Pool, tests: list[Pool], seed: int = 0) -> np.ndarray:
    """Return (len(tests),): accuracy, or negative mean squared error, on each test set."""
    found = [_one(training, train, tests, 1000 * seed + run) for run in range(training.runs)]
    return np.mean(found, axis=0)


def _one(training: Training, train: Pool, tests: list[Pool], seed: int) -> list[float]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classify = np.issubdtype(train.labels.dtype, np.integer)
        net = _net(training, train.inputs.shape[1:], 10 if classify else 1)
        x, y = torch.from_numpy(train.inputs), torch.from_numpy(train.labels)
        y = y if classify else y.float()[:, None]
        loss = nn.functional.cross_entropy if classify else nn.functional.mse_loss
        optimiser = torch.optim.Adam(net.parameters(), lr=training.rate)
        for rows in _batches(len(x), training):
            optimiser.zero_grad()
            loss(net(x[rows]), y[rows]).backward()
            optimiser.step()
    return [_measure(net, test, classify) for test in tests]


def _batches(n: int, training: Training) -> list[Tensor]:
    """Return `steps` batches from one shuffled pass after another."""
    size = min(n, training.batch)
    passes = [torch.randperm(n) for _ in range(training.steps // (n // size) + 1)]
    return [part for order in passes for part in order.split(size) if len(part) == size][
        : training.steps
    ]


def _measure(net: nn.Module, test: Pool, classify: bool) -> float:
    with torch.no_grad():
        found = net(torch.from_numpy(test.inputs)).numpy()
    if classify:
        return float((found.argmax(1) == test.labels).mean())
    return -float(np.square(found[:, 0] - test.labels).mean())


def _net(training: Training, shape: tuple[int, ...], outputs: int) -> nn.Module:
    if training.net == "mlp":
        layers: list[nn.Module] = [nn.Flatten()]
        width = int(np.prod(shape))
        hidden = training.hidden
        return nn.Sequential(
            *layers, nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, outputs)
        )
    return nn.Sequential(
        nn.Conv2d(shape[0], 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * -(-shape[1] // 4) * -(-shape[2] // 4), outputs),
    )
