"""How a kernel system of n samples is solved: exact, iterative, or in bagged blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from dvaudit.core.errors import ResourceError
from dvaudit.core.machine import Cost, Machine, size_text
from dvaudit.core.settings import setting
from dvaudit.kernels.sizes import iterative_bytes, landmarks, system_bytes
from dvaudit.valuators.clamped import Clamp

PATIENCE = 1800.0  # seconds that an automatic plan may take before a cheaper one is taken
BLOCKS = (8000, 4000, 2000, 1000)  # samples a block that an automatic plan tries, largest first
PARTITIONS = 8
SIDE_BY_SIDE = 4000  # systems up to this size run one on each core
SIZE_ROUND = 0.25  # of a partition: one into blocks of half the size
SINGLE_SPEED = 2.0  # of float32 products against float64
EXPECTED_ITERATIONS = 25
PROBES = 16


class Method(StrEnum):
    EXACT = "exact"
    ITERATIVE = "iterative"
    BAGGED = "bagged"


@dataclass(frozen=True)
class KernelSettings:
    """What every method on the arc-cosine kernel can be told."""

    ridge: float | None = setting(None, "Added to the kernel's diagonal.", low=0.0, high=1e6)
    plan: str = setting(
        "auto",
        "exact: one factorisation. iterative: conjugate gradients, in memory that grows linearly "
        "with the samples. bagged: exact in random blocks, averaged over partitions, in linear "
        "time. auto: the first of these that fits the memory and half an hour.",
        choices=("auto", "exact", "iterative", "bagged"),
        label="Way to solve",
    )
    precision: str = setting(
        "auto",
        "Arithmetic: float64, float32 (half the memory), or auto: float64 where it fits.",
        choices=("auto", "float64", "float32"),
    )
    block: int | None = setting(
        None,
        "Bagged: samples in a block. More is closer to the exact values and slower.",
        low=50,
        high=100_000,
        label="Samples in a block",
    )
    partitions: int = setting(
        PARTITIONS,
        "Bagged: random partitions that are averaged. More give narrower intervals.",
        low=2,
        high=1000,
        label="Random partitions",
    )


@dataclass(frozen=True)
class KernelPlan:
    """One way to solve the system, and what it costs.

    Attributes:
        block: samples in one exact system: n, or those of a bagged block.
        clamp: where a larger block was asked for.
        partitions: how often every sample is valued; 1 unless bagged.
    """

    method: Method
    precision: str
    block: int
    partitions: int
    seconds: float
    bytes: int
    clamp: Clamp | None = None

    def words(self) -> str:
        if self.method is Method.BAGGED:
            said = (
                f"bagged: {self.partitions} random partitions into blocks of about "
                f"{self.block:,}, each exact in {self.precision}"
            )
            return f"{said} ({self.clamp})" if self.clamp else said
        if self.method is Method.ITERATIVE:
            return f"iterative, {self.precision}, conjugate gradients, the matrix never held"
        return f"exact, {self.precision}, one factorisation in place"

    def cost(self, machine: Machine) -> Cost:
        words = f"{self.words()} ({size_text(self.bytes)})"
        if self.bytes > machine.memory:
            words = f"does not fit: {words}, {size_text(machine.memory)} are free"
        return Cost(self.seconds, self.bytes, words)


def candidates(
    n: int, dimensions: int, targets: int, machine: Machine, settings: KernelSettings
) -> Iterator[KernelPlan]:
    """Yield the plans that the settings allow, the most faithful first."""
    precisions = ("float64", "float32") if settings.precision == "auto" else (settings.precision,)
    if settings.plan in ("auto", "exact"):
        for precision in precisions:
            yield _exact(n, dimensions, precision, machine)
    if settings.plan in ("auto", "iterative"):
        for precision in precisions:
            yield _iterative(n, dimensions, targets, precision, machine)
    if settings.plan in ("auto", "bagged"):
        blocks = (settings.block,) if settings.block else BLOCKS
        for block in blocks:
            yield _bagged(n, dimensions, targets, block, precisions[0], settings, machine)


def choose_plan(
    n: int, dimensions: int, targets: int, machine: Machine, settings: KernelSettings
) -> KernelPlan:
    """Return the first plan that fits in memory and patience; see `KernelSettings.plan`.

    A plan asked for by name may take any time. Where none is quick enough, the quickest that
    fits is taken, and where none fits the last, whose cost says so.
    """
    plans = list(candidates(n, dimensions, targets, machine, settings))
    fitting = [plan for plan in plans if plan.bytes <= machine.memory]
    if not fitting:
        return plans[-1]
    named = settings.plan not in ("auto", "bagged")
    quick = [plan for plan in fitting if named or plan.seconds <= PATIENCE]
    return quick[0] if quick else min(fitting, key=lambda plan: plan.seconds)


def require_fit(plan: KernelPlan, n: int, machine: Machine) -> None:
    """Refuse a plan that does not fit.

    Raises:
        ResourceError: it needs more memory than there is.
    """
    if plan.bytes > machine.memory:
        raise ResourceError(
            f"{n:,} samples need {size_text(plan.bytes)} for the plan {plan.words()!r} and "
            f"{size_text(machine.memory)} are free; choose the plan bagged with smaller "
            "blocks, audit fewer samples, or use a machine with more memory."
        )


def _exact(n: int, dimensions: int, precision: str, machine: Machine) -> KernelPlan:
    seconds = _exact_seconds(n, dimensions, precision, machine)
    needed = system_bytes(n, precision, dimensions)
    return KernelPlan(Method.EXACT, precision, n, 1, seconds, needed)


def _iterative(
    n: int, dimensions: int, targets: int, precision: str, machine: Machine
) -> KernelPlan:
    rank = landmarks(n)
    needed = iterative_bytes(n, dimensions, precision)
    iteration = n * n * (dimensions + 4 * (targets + PROBES) + 60)
    operations = EXPECTED_ITERATIONS * iteration + 8 * n * rank * rank
    seconds = operations / _speed(precision, machine)
    return KernelPlan(Method.ITERATIVE, precision, n, 1, seconds, needed)


def _bagged(
    n: int,
    dimensions: int,
    targets: int,
    block: int,
    precision: str,
    settings: KernelSettings,
    machine: Machine,
) -> KernelPlan:
    # Half the samples at most, or there is nothing to partition.
    wanted, block = block, min(block, max(n // 2, 1))
    clamp = None
    if settings.block is not None and block < wanted:
        clamp = Clamp("block", wanted, block, "half of the samples")
    rounds = settings.partitions + SIZE_ROUND
    one = _exact_seconds(block, dimensions, precision, machine)
    at_once = machine.cores if block <= SIDE_BY_SIDE else 1
    held = at_once * system_bytes(block, precision, dimensions)
    sums = 8 * n * (targets + 16)
    return KernelPlan(
        Method.BAGGED,
        precision,
        block,
        settings.partitions,
        rounds * max(1, round(n / block)) * one,
        held + sums,
        clamp,
    )


def _exact_seconds(n: int, dimensions: int, precision: str, machine: Machine) -> float:
    operations = n**2 * dimensions + 2 * n**3 / 3 + 60 * n**2
    return operations / _speed(precision, machine)


def _speed(precision: str, machine: Machine) -> float:
    """Operations per second: 0.7 of a float64 matrix product's, measured."""
    return 0.7 * machine.flops * (1.0 if precision == "float64" else SINGLE_SPEED)
