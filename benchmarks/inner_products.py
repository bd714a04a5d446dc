"""A DVGS step against torch.func per-sample gradients, in one run on one thread.

One step: the target gradient w, the cosine of w and the gradient g_i of every source sample, and
Adam's step along w; with torch.func by vmap(grad), which forms all gradients. Passes take turns and
the fastest of each counts. Prints both times, their ratio and the largest difference of the
cosines; and the bare forward and backward passes.

    python benchmarks/inner_products.py [--source 1000] [--target 400] [--device cpu]
        [--threads 1] [--repeats 10]
"""

from __future__ import annotations

import argparse
import copy
import itertools
import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from dvaudit.gradients import Layout, target_similarities
from dvaudit.gradients.losses import Batch, cross_entropy

CLASSES = 2
CALLS = 5  # in a row


def perceptron() -> tuple[nn.Module, tuple[int, ...]]:
    return nn.Sequential(
        nn.Linear(108, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, CLASSES)
    ), (108,)


def convolutions() -> tuple[nn.Module, tuple[int, ...]]:
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * 16, 64), nn.ReLU(), nn.Linear(64, CLASSES)),
    ), (3, 16, 16)


NETS = {"mlp 108-100-100-2": perceptron, "cnn 16-32-64 on 16 x 16": convolutions}


def seconds(passes: list[Callable[[], object]], repeats: int, device: str) -> list[float]:
    """Return the least time of each pass. They take turns, a few calls each, as in a run of one."""
    least = [math.inf] * len(passes)
    for _ in range(repeats):
        for at, work in enumerate(passes):
            for _ in range(CALLS):
                start = time.perf_counter()
                work()
                if device.startswith("cuda"):
                    torch.cuda.synchronize(device)
                least[at] = min(least[at], time.perf_counter() - start)
    return least


def target_gradient(model: nn.Module, batch: Batch) -> Tensor:
    losses = cross_entropy(model(batch[0]), batch[1])
    found = torch.autograd.grad(losses.mean(), list(model.parameters()))
    for parameter, gradient in zip(model.parameters(), found, strict=True):
        parameter.grad = gradient
    return torch.cat([part.flatten() for part in found])


def by_products(model: nn.Module, source: Batch, target: Batch) -> Iterator[Tensor]:
    """Yield the cosines before each step."""
    every = itertools.repeat(torch.arange(len(target[0]), device=target[0].device))
    for step in target_similarities(model, cross_entropy, source, target, every):
        assert step.values is not None
        yield step.values


def by_gradients(model: nn.Module, source: Batch, target: Batch) -> Iterator[Tensor]:
    steps = torch.optim.Adam(model.parameters(), lr=1e-3)

    def alone(values: dict[str, Tensor], inputs: Tensor, label: Tensor) -> Tensor:
        return cross_entropy(functional_call(model, values, (inputs[None],)), label[None]).sum()

    while True:
        direction = target_gradient(model, target)
        values = {name: value.detach() for name, value in model.named_parameters()}
        found = vmap(grad(alone), in_dims=(None, 0, 0))(values, *source)
        gradients = Layout.of(model).join(found)
        yield gradients @ direction / (gradients.norm(dim=1) * direction.norm())
        steps.step()


def bare_pass(model: nn.Module, source: Batch, target: Batch) -> None:
    target_gradient(model, target)
    target_gradient(model, source)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=int, default=1000)
    parser.add_argument("--target", type=int, default=400)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=10)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    torch.manual_seed(0)
    print(f"{asked.device}, {asked.threads} threads, torch {torch.__version__}, float32")
    for name, build in NETS.items():
        model, shape = build()
        model = model.to(asked.device).eval()
        source, target = (
            (
                torch.randn(n, *shape, device=asked.device),
                torch.randint(CLASSES, (n,), device=asked.device),
            )
            for n in (asked.source, asked.target)
        )
        products, gradients = (
            by(copy.deepcopy(model), source, target) for by in (by_products, by_gradients)
        )
        gap = next(products) - next(gradients)
        times = seconds(
            [
                lambda steps=products: next(steps),
                lambda steps=gradients: next(steps),
                lambda m=model, s=source, t=target: bare_pass(m, s, t),
            ],
            asked.repeats,
            asked.device,
        )
        print(
            f"{name}, {asked.source:,} x {asked.target:,}, {Layout.of(model).size:,} parameters: "
            f"a step {1e3 * times[0]:.2f} ms, with per-sample gradients "
            f"{1e3 * times[1]:.1f} ms ({times[1] / times[0]:.1f} times as long), bare passes "
            f"{1e3 * times[2]:.2f} ms; largest difference {float(gap.abs().max()):.1e}"
        )


if __name__ == "__main__":
    main()
