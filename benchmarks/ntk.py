"""Time and memory of the neural tangent kernel of n samples against what it cannot do without.

Prints the plan; the time of `ntk_blocks`; beside it one bare forward and backward pass over the
same samples (all weights frozen, gradients at the layers' inputs), and the products of the plan
at the speed of one matrix product of this machine, device and precision; and the peak memory.

    python benchmarks/ntk.py [--rows 500] [--net cnn] [--side 16] [--blocks 1] [--memory 2]
        [--device cpu] [--threads 2] [--gram float64]
"""

from __future__ import annotations

import argparse
import platform
import resource
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from dvaudit.core.machine import GIB
from dvaudit.kernels import ntk_blocks, own_outputs, plan_ntk
from dvaudit.models import NETS, initial_net

CHANNELS, CLASSES = 3, 10


def seconds(work: Callable[[], object], device: str) -> float:
    """Return how long `work` takes, including what it left running on a GPU."""
    wait(device)
    start = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - start


def wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def product_speed(device: str, dtype: torch.dtype) -> float:
    """Return the flops per second of a matrix product."""
    size = 8192 if device.startswith("cuda") else 1536
    matrix = torch.randn(size, size, dtype=dtype, device=device)
    matrix @ matrix
    return 2 * size**3 / min(seconds(lambda: matrix @ matrix, device) for _ in range(3))


def bare_pass(model: nn.Module, inputs: Tensor, classes: Tensor, batch: int, device: str) -> None:
    """Forward and backward to the first layer's output, and nothing kept."""
    first = next(part for part in model.modules() if isinstance(part, nn.Conv2d | nn.Linear))
    handle = first.register_forward_hook(lambda _m, _i, out: out.detach().requires_grad_())
    model.requires_grad_(False)
    for x, y in zip(inputs.split(batch), classes.split(batch), strict=True):
        outputs = model(x.to(device))
        outputs.gather(1, y.to(device)[:, None]).sum().backward()
    handle.remove()


def peak(device: str) -> int:
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--net", choices=tuple(NETS), default="cnn")
    parser.add_argument("--side", type=int, default=16)
    parser.add_argument("--blocks", type=int, default=1)
    parser.add_argument("--memory", type=float, default=2, help="GiB")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--gram", choices=("float64", "float32"), default="float64")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    device, gram_dtype = asked.device, getattr(torch, asked.gram)
    shape, memory = (CHANNELS, asked.side, asked.side), int(asked.memory * GIB)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(asked.rows, *shape, generator=generator)
    classes = torch.randint(CLASSES, (asked.rows,), generator=generator)
    blocks = torch.randperm(asked.rows, generator=generator).chunk(asked.blocks)
    model = initial_net(asked.net, shape, CLASSES, seed=0).to(device)

    plan = plan_ntk(model, shape, len(blocks[0]), memory, gram_dtype=gram_dtype)
    name = torch.cuda.get_device_name(device) if device != "cpu" else platform.machine()
    print(f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    weights = sum(layer.parameters for layer in plan.layers)
    print(f"{asked.net}, {weights:,} weights, {asked.rows:,} images of {shape}, {asked.gram}")
    for layer in plan.layers:
        print(
            f"  {layer.name:12} {layer.form:11} {layer.parameters:>10,} weights, "
            f"{layer.numbers:>9,} numbers a row, {layer.flops / 1e9:.3g} GFLOP a block"
        )
    own_outputs(model, inputs[: plan.batch], classes[: plan.batch])  # starts the libraries
    before = peak(device)
    took = seconds(
        lambda: ntk_blocks(model, inputs, classes, blocks, memory=memory, gram_dtype=gram_dtype),
        device,
    )
    used = peak(device) - before
    bare = seconds(lambda: bare_pass(model, inputs, classes, plan.batch, device), device)
    flops = sum(layer.flops for layer in plan.layers) * len(blocks)
    result = sum(len(block) ** 2 for block in blocks) * gram_dtype.itemsize
    naive = float(asked.rows) ** 2 / len(blocks) * weights
    speed = product_speed(device, gram_dtype)
    print(
        f"NTK, {len(blocks)} blocks, {len(plan.passes)} passes a block, batch {plan.batch}: "
        f"{took:.2f} s, peak {used / GIB:.2f} GiB over the start "
        f"(allowed {asked.memory:g} + result {result / GIB:.2g})"
    )
    print(f"one bare forward and backward pass over the samples: {bare:.2f} s")
    print(
        f"layers' flops {flops / 1e9:.4g} G at {speed / 1e9:.4g} GFLOP/s: {flops / speed:.2f} s; "
        f"G G^T of full gradients alone would be {naive / 1e9:.4g} G: {naive / speed:.2f} s"
    )


if __name__ == "__main__":
    main()
