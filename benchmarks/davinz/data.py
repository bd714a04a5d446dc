"""Data of the experiments: digits, digits over pictures, and spins with their energies."""

from __future__ import annotations

import functools
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SIDE = 8  # of the spin lattice
SWEEPS = 200
TEMPERATURES = (1.5, 4.0)  # in units of the coupling; the critical one is 2.27


@dataclass(frozen=True)
class Pool:
    """(n, ...) float32 inputs, pictures in [0, 1], and (n,) labels or targets."""

    inputs: NDArray[np.float32]
    labels: NDArray[np.generic]

    def take(self, rows: NDArray[np.int64]) -> Pool:
        return Pool(self.inputs[rows], self.labels[rows])


def joined(parts: list[Pool]) -> Pool:
    return Pool(
        np.concatenate([part.inputs for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )


@functools.cache
def digits() -> Pool:
    """12,000 MNIST training pictures, (n, 1, 28, 28), with their true labels."""
    truth = pd.read_csv(DATA / "mnist_12k_truth.csv")
    pictures = _pictures(DATA / "mnist_12k_flipped.zip", list(truth["path"]), "L")
    return Pool(pictures, truth["true_label"].to_numpy(dtype=np.int64))


@functools.cache
def held_out_digits() -> Pool:
    """2,000 MNIST test pictures."""
    with zipfile.ZipFile(DATA / "mnist_2k_heldout.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
    pictures = _pictures(DATA / "mnist_2k_heldout.zip", names, "L")
    return Pool(pictures, np.array([int(name.split("/")[-2]) for name in names]))


@functools.cache
def backgrounds() -> NDArray[np.float32]:
    """6,000 CIFAR-10 training pictures, (n, 3, 32, 32)."""
    names = pd.read_csv(DATA / "cifar10n_6k_truth.csv")["path"]
    return _pictures(DATA / "cifar10n_6k.zip", list(names), "RGB")


def in_colour(pool: Pool) -> Pool:
    return Pool(np.repeat(pool.inputs, 3, axis=1), pool.labels)


def over_backgrounds(pool: Pool, rng: np.random.Generator) -> Pool:
    """Return digits drawn as |picture - digit| on random 28 x 28 cuts, as MNIST-M is made."""
    pictures = backgrounds()
    cuts = np.empty((len(pool.inputs), 3, 28, 28), dtype=np.float32)
    for row in range(len(cuts)):
        top, left = rng.integers(0, 5, 2)
        picture = pictures[rng.integers(len(pictures))]
        cuts[row] = picture[:, top : top + 28, left : left + 28]
    return Pool(np.abs(cuts - pool.inputs), pool.labels)


def spins(temperatures: NDArray[np.float64], rng: np.random.Generator) -> Pool:
    """Return one 2-D Ising configuration for each temperature, and its energy per spin.

    Periodic lattice of SIDE x SIDE, coupling 1, SWEEPS checkerboard Metropolis sweeps from a
    start of all spins up below the critical temperature and of random ones above it.
    """
    n = len(temperatures)
    state = np.where(rng.random((n, SIDE, SIDE)) < 0.5, 1.0, -1.0)
    state[temperatures < 2.27] = np.where(rng.random((n, 1, 1)) < 0.5, 1.0, -1.0)[
        temperatures < 2.27
    ]
    place = np.add.outer(np.arange(SIDE), np.arange(SIDE)) % 2
    for _ in range(SWEEPS):
        for colour in (0, 1):
            cost = 2 * state * _neighbours(state)
            accept = rng.random(state.shape) < np.exp(-cost / temperatures[:, None, None])
            state = np.where(accept & (place == colour), -state, state)
    energy = -(state * _neighbours(state)).sum((1, 2)) / 2 / SIDE**2
    return Pool(state.reshape(n, -1).astype(np.float32), energy)


def _neighbours(state: NDArray[np.float64]) -> NDArray[np.float64]:
    return sum(np.roll(state, step, axis) for axis in (1, 2) for step in (1, -1))


def _pictures(path: Path, names: list[str], mode: str) -> NDArray[np.float32]:
    with zipfile.ZipFile(path) as archive:
        raw = [
            np.asarray(Image.open(io.BytesIO(archive.read(name))).convert(mode)) for name in names
        ]
    stacked = np.stack(raw)
    stacked = stacked[:, None] if mode == "L" else stacked.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(stacked, dtype=np.float32) / 255
