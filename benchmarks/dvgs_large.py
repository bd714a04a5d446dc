"""DVGS on as many rows and columns as LINCS L1000 has, synthetic, beside the paper's time.

Standard normal profiles of low rank; every row gets normal noise whose deviation is uniform on
[0, 3], the trusted rows none. An autoencoder of one hidden layer, 978-330-978 (646,788 parameters),
learns the trusted rows, all in one step of an epoch, Adam 1e-3; similarities of all rows at every
T-th step. Prints the seconds of a look and of a step without one, of the bare forward and backward
passes of a look beside it, of the whole run, measured to the end or carried on from the looks that
were made, the memory beside the data, and Spearman's correlation of the values with the noise.

    python benchmarks/dvgs_large.py [--rows 700000] [--columns 978] [--trusted 5000] [--epochs 500]
        [--every 1] [--looks 0] [--device auto] [--threads 2]
"""

from __future__ import annotations

import argparse
import platform
import resource
import time
from collections.abc import Iterator

import torch
from scipy.stats import spearmanr
from torch import Tensor

from dvaudit.core.device import resolve_device
from dvaudit.gradients import target_similarities
from dvaudit.gradients.losses import squared_error
from dvaudit.models.trainable import trainable_net

RANK, HIDDEN, MOST_NOISE = 64, 330, 3.0
PAPER_HOURS = 8
GIB = 1 << 30


def profiles(rows: int, columns: int, device: str) -> Tensor:
    """Return (rows, columns) normal profiles of unit deviation and rank RANK."""
    draws = torch.Generator(device).manual_seed(1)
    loadings = torch.randn(RANK, columns, generator=draws, device=device) / RANK**0.5
    data = torch.empty(rows, columns, device=device)
    for part in data.split(1 << 14):
        torch.mm(torch.randn(len(part), RANK, generator=draws, device=device), loadings, out=part)
    return data


def soiled(data: Tensor) -> Tensor:
    """Add noise to the rows in place; return its deviation by row."""
    draws = torch.Generator(data.device).manual_seed(2)
    deviation = MOST_NOISE * torch.rand(len(data), generator=draws, device=data.device)
    for part, size in zip(data.split(1 << 14), deviation.split(1 << 14), strict=True):
        noise = torch.randn(part.shape, generator=draws, device=data.device)
        part.addcmul_(noise, size[:, None])
    return deviation


def wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def peak(device: str) -> int:
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def bare_seconds(net: torch.nn.Module, data: Tensor, rows: int, device: str) -> float:
    """Return the time of the forward and backward passes alone, carried on from a few."""
    parts = data.split(rows)[:20]
    wait(device)
    start = time.perf_counter()
    for part in parts:
        squared_error(net(part), part).sum().backward()
        net.zero_grad()
    wait(device)
    return (time.perf_counter() - start) * len(data) / sum(map(len, parts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=700_000)
    parser.add_argument("--columns", type=int, default=978)
    parser.add_argument("--trusted", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=500)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--looks", type=int, default=0, help="stop after so many; 0: at the end")
    parser.add_argument("--batch", type=int, default=4096, help="rows of one pass")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    device = resolve_device(asked.device)
    named = torch.cuda.get_device_name(device) if device != "cpu" else platform.machine()
    everything = profiles(asked.rows + asked.trusted, asked.columns, device)
    data, trusted = everything[: asked.rows], everything[asked.rows :]
    deviation = soiled(data)
    net = trainable_net(
        "autoencoder", (asked.columns,), asked.columns, seed=0, widths=(HIDDEN,), activation="mish"
    ).to(device)
    weights = sum(value.numel() for value in net.parameters())
    bare = bare_seconds(net, data, asked.batch, device)
    before = peak(device)

    whole = torch.arange(asked.trusted, device=device)
    batches: Iterator[Tensor] = (whole for _ in range(asked.epochs))
    values, looks = torch.zeros(asked.rows, device=device), 0
    spent = {True: 0.0, False: 0.0}
    wait(device)
    start = last = time.perf_counter()
    for found in target_similarities(
        net,
        squared_error,
        (data, data),
        (trusted, trusted),
        batches,
        every=asked.every,
        rows=asked.batch,
    ):
        wait(device)
        now = time.perf_counter()
        spent[found.values is not None] += now - last
        last = now
        if found.values is not None:
            values, looks = values + found.values, looks + 1
            if looks == asked.looks:
                break
    made = found.step + 1
    seconds = time.perf_counter() - start
    all_looks = -(-asked.epochs // asked.every)
    look = spent[True] / looks
    step = spent[False] / max(1, made - looks)
    whole_run = "measured"
    if made < asked.epochs:
        seconds, whole_run = look * all_looks + step * (asked.epochs - all_looks), "carried on"
    rho = spearmanr(deviation.cpu(), -values.cpu())[0]
    print(
        f"{named}, {asked.threads} threads, torch {torch.__version__}: {asked.rows:,} x "
        f"{asked.columns:,}, {asked.trusted:,} trusted, {weights:,} parameters, float32\n"
        f"{looks:,} looks of {look:.2f} s each ({look / bare:.2f} bare passes of {bare:.2f} s); a "
        f"step without {step:.3f} s; peak memory {(peak(device) - before) / GIB:.2f} GiB more than "
        f"data and bare passes\n{asked.epochs} epochs, a look every {asked.every}: "
        f"{seconds / 3600:.2f} hours ({whole_run}); the paper {PAPER_HOURS} hours\n"
        f"Spearman of the values with the noise, after {made} epochs: {rho:.3f}"
    )


if __name__ == "__main__":
    main()
