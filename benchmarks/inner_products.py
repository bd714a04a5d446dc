"""Two inner products against torch.func per-sample gradients, in one run on one thread.

One DVGS step: the target gradient w, then <g_i, w> and |g_i|^2 of every source sample; with
torch.func by vmap(grad), which forms all gradients. Passes take turns and the fastest of each
counts. Prints both times, their ratio and the largest difference of the cosines; and the bare
forward and backward passes.

    python benchmarks/inner_products.py [--source 1000] [--target 400] [--device cpu]
        [--threads 1] [--repeats 10]
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from dvaudit.gradients import Layout, Similarity, plan_taps
from dvaudit.gradients._look import Look
from dvaudit.gradients.dvgs import similarity
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
    return torch.cat([part.flatten() for part in found])


def by_products(look: Look, source: Batch, target: Batch) -> Tensor:
    seen = look.at(target, [source])
    return similarity(
        Similarity.COSINE, seen.inner, seen.squared_norms, seen.gradient.square().sum()
    )


def by_gradients(model: nn.Module, source: Batch, target: Batch) -> Tensor:
    direction = target_gradient(model, target)
    values = {name: value.detach() for name, value in model.named_parameters()}

    def alone(values: dict[str, Tensor], inputs: Tensor, label: Tensor) -> Tensor:
        return cross_entropy(functional_call(model, values, (inputs[None],)), label[None]).sum()

    found = vmap(grad(alone), in_dims=(None, 0, 0))(values, *source)
    gradients = Layout.of(model).join(found)
    return gradients @ direction / (gradients.norm(dim=1) * direction.norm())


def bare_pass(model: nn.Module, source: Batch, target: Batch) -> None:
    target_gradient(model, target)
    target_gradient(model, source)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=int, default=1000)
    parser.add_argument("--target", type=int, default=400)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=40)
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
        taps = plan_taps(model, cross_entropy, source)
        look = Look.of(model, cross_entropy, None, source, taps)
        gap = by_products(look, source, target) - by_gradients(model, source, target)
        times = seconds(
            [
                lambda look=look, s=source, t=target: by_products(look, s, t),
                lambda m=model, s=source, t=target: by_gradients(m, s, t),
                lambda m=model, s=source, t=target: bare_pass(m, s, t),
            ],
            asked.repeats,
            asked.device,
        )
        print(
            f"{name}, {asked.source:,} x {asked.target:,}, {Layout.of(model).size:,} parameters: "
            f"two inner products {1e3 * times[0]:.2f} ms, per-sample gradients "
            f"{1e3 * times[1]:.1f} ms ({times[1] / times[0]:.1f} times as long), bare passes "
            f"{1e3 * times[2]:.2f} ms; largest difference {float(gap.abs().max()):.1e}"
        )


if __name__ == "__main__":
    main()
