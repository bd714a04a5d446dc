"""Time and memory of the patches extractor against the bare convolution of its filter bank.

Generates JPEG images of a given side. Prints, a repeat being one pass over all images and the
fastest repeat counting: torch.nn.functional.conv2d with the same filters, threads and precision,
in torch's default memory layout and in channels-last, in ordinary batches of 128 and of single
images whose output stays in the processor's caches; the pooled responses and their ratio to
each; decoding and the whole extraction apart; and the peak memory above what importing takes,
beside the size of the result.

    python benchmarks/features.py [--images 2000] [--sides 32 64] [--threads 2]
"""

from __future__ import annotations

import argparse
import io
import platform
import resource
import time
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from dvaudit import features
from dvaudit.core.dataset import Dataset, Kind, Origin, Task
from dvaudit.features._patches import fit_bank, sample_patches
from dvaudit.features._responses import PooledResponses
from dvaudit.features.patches import PatchesSettings
from dvaudit.features.pictures import pictures

REPEATS = 5
ORDINARY_BATCH = 128
MIB = 1 << 20


class Files:
    """An ImageSource over bytes in memory."""

    def __init__(self, files: list[bytes]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def read(self, index: int) -> bytes:
        return self.files[index]


def generated(count: int, side: int) -> Dataset:
    """Return `count` colour JPEG images of smooth noise."""
    rng = np.random.default_rng(0)
    files = []
    for _ in range(count):
        coarse = rng.integers(0, 256, (side // 4, side // 4, 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC).save(file, "JPEG")
        files.append(file.getvalue())
    return Dataset(
        name=f"{side} x {side}",
        ids=tuple(map(str, range(count))),
        kind=Kind.IMAGE,
        task=Task.UNSUPERVISED,
        labels=None,
        class_names=(),
        hashes=tuple(map(str, range(count))),
        fingerprint="",
        origin=Origin("", "zip"),
        images=Files(files),
    )


def fastest(passes: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Return seconds of the fastest of REPEATS passes; the passes take turns."""
    best = dict.fromkeys(passes, float("inf"))
    for _ in range(REPEATS):
        for name, run in passes.items():
            start = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def measure(data: Dataset) -> None:
    """Print the figures of one dataset."""
    before = _peak()
    start = time.perf_counter()
    whole = features.extract(data, "patches")
    seconds = time.perf_counter() - start
    memory, result = _peak() - before, whole.matrix.nbytes

    settings = PatchesSettings()
    source = pictures(data, settings.size)
    bank = fit_bank(sample_patches(source, settings.patch, 0), settings, 0)
    pooled = PooledResponses(bank, source.shape, settings.grid, "cpu")
    start = time.perf_counter()
    pixels = np.concatenate([block for _, block in source.batches()])
    decoding = time.perf_counter() - start
    out = np.empty((len(pixels), pooled.width), np.float32)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255).contiguous()
    size, channels = bank.patch, source.shape.channels
    filters = bank.weights.T.reshape(-1, size, size, channels).permute(0, 3, 1, 2).contiguous()
    last = torch.channels_last
    images_last, filters_last = images.to(memory_format=last), filters.to(memory_format=last)

    layouts = {"": (images, filters), ", channels last": (images_last, filters_last)}

    def convolution(layout: str, batch: int) -> Callable[[], None]:
        inputs, weights = layouts[layout]

        def run() -> None:
            for part in inputs.split(batch):
                functional.conv2d(part, weights)

        return run

    bare = {
        f"convolution{layout}, batches of {batch}": convolution(layout, batch)
        for batch in (ORDINARY_BATCH, 1)
        for layout in layouts
    }
    plain = PooledResponses(bank, source.shape, settings.grid, "cpu", fused=False)
    ways = {
        "pooled responses": lambda: pooled.write(pixels, out),
        "the same by torch operations": lambda: plain.write(pixels, out),
    }
    times = fastest({**ways, **bare})
    ours = times.pop("pooled responses")
    print(f"{len(data):,} images of {data.name}, {bank.filters} filters:")
    print(f"  pooled responses: {ours:.3f} s, {1e3 * ours / len(data):.3f} ms an image")
    for name, value in times.items():
        print(f"  {name}: {value:.3f} s; ratio {ours / value:.2f}")
    print(f"  decoding: {decoding:.3f} s")
    print(f"  whole extraction, filters and standardising included: {seconds:.3f} s")
    print(f"  peak memory: {memory / MIB:.0f} MiB, of which the result is {result / MIB:.0f} MiB")


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--sides", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"torch {torch.__version__}, {platform.machine()}, {args.threads} threads")
    features.extract(generated(8, 32), "patches")  # loads torch, so that memory is ours alone
    for side in args.sides:
        measure(generated(args.images * 1024 // side**2, side))


if __name__ == "__main__":
    main()
