"""The two terms of the DAVINZ score for any coalition of contributors.

nu(S) = -kappa sqrt(yhat' (Theta_SS + jitter I)^-1 yhat / m_S) - MMD(S, T)   (DAVINZ, equation 3)

The in-domain term is averaged over initialisations theta_0. Both terms are returned with their
sign, so that higher = more useful and nu = kappa * in + out. One factor per block serves every
coalition: leave-one-out by Schur complements, every prefix of an order by one factorisation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dvaudit.core.dataset import Task
from dvaudit.core.progress import Progress, part
from dvaudit.kernels.mixture import CODE_COMPATIBLE, Mixture, choose_mixture
from dvaudit.kernels.mmd import MmdSums
from dvaudit.kernels.ntk import ntk_blocks, own_outputs
from dvaudit.linalg.banded import windows
from dvaudit.linalg.quadratic import BlockQuadratic
from dvaudit.models.initial import initial_net
from dvaudit.valuators.contributing import ContributorProblem
from dvaudit.valuators.kernel_problem import standardised

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]


@dataclass(frozen=True)
class NtkSpec:
    """How the tangent kernel is taken.

    Attributes:
        net: a name of models.NETS.
        blocks: parts of a random partition of the samples; 1 is the exact kernel.
        bandwidth: L of the L-block-banded inverse; 0 is block-diagonal.
        initialisations: nets that are averaged over.
        permutations: random partitions that are averaged over; of no effect with one block.
        memory: bytes for gradients and activations.
    """

    net: str
    blocks: int
    bandwidth: int
    initialisations: int
    jitter: float
    memory: int
    permutations: int = 1


class DavinzTerms:
    """In-domain terms of every initialisation, and the out-of-domain term, of coalitions.

    Rows of everything returned: one for each of the s initialisations, then one for the MMD.
    """

    def __init__(
        self,
        quadratics: Sequence[Sequence[BlockQuadratic]],
        mmd: MmdSums,
        counts: NDArray[np.int64],
    ) -> None:
        """Take the quadratic forms of each initialisation, one for each permutation."""
        self.quadratics, self.mmd, self.counts = quadratics, mmd, counts

    @property
    def rows(self) -> int:
        """s + 1."""
        return len(self.quadratics) + 1

    def of(self, masks: Masks) -> Floats:
        """Return (s + 1, c) for (c, K) coalitions; nan for one without samples."""
        sizes = masks @ self.counts
        forms = self._forms(lambda form: np.array([form.of(mask) for mask in masks]))
        return self._terms(forms, sizes, masks)

    def all(self) -> Floats:
        """Return (s + 1,) for everybody."""
        forms = self._forms(lambda form: np.array([form.total()]))
        everybody = np.ones((1, len(self.counts)), dtype=bool)
        return self._terms(forms, self.counts.sum(keepdims=True), everybody)[:, 0]

    def without_each(self) -> Floats:
        """Return (s + 1, K): everybody but one contributor."""
        forms = self._forms(BlockQuadratic.without_each_group)
        masks = ~np.eye(len(self.counts), dtype=bool)
        return self._terms(forms, self.counts.sum() - self.counts, masks)

    def single(self) -> Floats:
        """Return (s + 1, K): each contributor alone."""
        return self.of(np.eye(len(self.counts), dtype=bool))

    def prefixes(self, order: NDArray[np.int64]) -> Floats:
        """Return (s + 1, K): the first 1, ..., K contributors of an order."""
        forms = self._forms(lambda form: form.prefixes(order)[1:])
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        masks = place[None, :] <= np.arange(len(order))[:, None]
        return self._terms(forms, np.cumsum(self.counts[order]), masks)

    def without_each_sample(self) -> Floats:
        """Return (s + 1, m): everybody's samples but one, in closed form."""
        forms = self._forms(BlockQuadratic.without_each_sample)
        ntk = np.sqrt(forms.clip(0) / max(int(self.counts.sum()) - 1, 1)).mean(1)
        mmd = np.sqrt(self.mmd.squared_without_each())
        return np.asarray(-np.vstack([ntk, mmd]))

    def _forms(self, form: Callable[[BlockQuadratic], Floats]) -> Floats:
        """Return (s, p, ...): a quantity of each initialisation and permutation."""
        return np.array([[form(each) for each in of_net] for of_net in self.quadratics])

    def _terms(self, forms: Floats, sizes: NDArray[np.int64], masks: Masks) -> Floats:
        # A banded form restricted to a coalition may fall below 0 by its approximation.
        with np.errstate(invalid="ignore"):  # a coalition without samples has no score: nan
            ntk = np.sqrt(forms.clip(0) / sizes).mean(1)
        return np.asarray(-np.vstack([ntk, self.mmd.distance(masks)]))


def build_terms(
    problem: ContributorProblem, spec: NtkSpec, kernel: str, progress: Progress
) -> tuple[DavinzTerms, dict[str, Any]]:
    """Return the terms of a problem, and a JSON-able record of the kernels.

    Args:
        kernel: "ladder" for the multi-kernel MMD with bandwidths around the median distance, or
            "code" for the single bandwidth of the authors' code.
    """
    mixture = _mixture(problem, kernel)
    progress(0.0, "distances to the trusted set")
    mmd = MmdSums.build(
        problem.inputs,
        problem.codes,
        problem.trusted_inputs,
        mixture,
        groups=len(problem.names),
        precision="float64" if len(problem.inputs) <= 5000 else "float32",
        device=problem.device,
        report=lambda share: progress(0.2 * share, "distances to the trusted set"),
    )
    count = spec.permutations if spec.blocks > 1 else 1
    partitions = [
        _partition(len(problem.inputs), spec.blocks, [problem.seed, 1, number])
        for number in range(count)
    ]
    quadratics = []
    for number in range(spec.initialisations):
        ends = (0.2 + 0.8 * (number + step) / spec.initialisations for step in (0, 1))
        watched = part(progress, *ends)
        quadratics.append(_quadratics(problem, spec, partitions, number, watched))
    record = {
        "blocks": len(partitions[0]),
        "bandwidth": min(spec.bandwidth, len(partitions[0]) - 1),
        "permutations": count,
        "net": spec.net,
        "initialisations": spec.initialisations,
        "mmd_bandwidths": [float(sigma) for sigma in mixture.sigmas],
        "mmd_weights": [float(weight) for weight in mixture.weights],
        "mmd_note": mixture.note,
    }
    return DavinzTerms(quadratics, mmd, problem.counts), record


def _mixture(problem: ContributorProblem, kernel: str) -> Mixture:
    if kernel == "code":
        return CODE_COMPATIBLE
    return choose_mixture(problem.inputs, problem.trusted_inputs, seed=problem.seed)


def _partition(m: int, blocks: int, seed: Sequence[int]) -> list[NDArray[np.int64]]:
    """Return a random partition; with one fixed partition every coalition is comparable."""
    order = np.random.default_rng(seed).permutation(m)
    return [np.sort(rows) for rows in np.array_split(order, min(blocks, m))]


def _quadratics(
    problem: ContributorProblem,
    spec: NtkSpec,
    partitions: list[list[NDArray[np.int64]]],
    number: int,
    progress: Progress,
) -> list[BlockQuadratic]:
    """Return the quadratic forms of one initialisation, one for each partition."""
    shape = problem.inputs.shape[1:]
    net = initial_net(spec.net, shape, problem.outputs, seed=problem.seed + 7919 * number)
    net = net.to(problem.device)
    inputs = torch.from_numpy(problem.inputs)
    classes = None
    if problem.task is Task.CLASSIFICATION:
        classes = torch.from_numpy(problem.labels)
        targets = np.ones(len(inputs))
    else:
        targets = standardised(problem.labels.astype(np.float64))[0]
    residuals = targets - own_outputs(net, inputs, classes).cpu().double().numpy()
    found = []
    for place, parts in enumerate(partitions):
        signed = windows(parts, min(spec.bandwidth, len(parts) - 1))
        kernels = ntk_blocks(
            net,
            inputs,
            classes,
            [torch.from_numpy(chosen) for _, chosen in signed],
            memory=spec.memory,
            progress=part(progress, place / len(partitions), (place + 1) / len(partitions)),
        )
        blocks = [(kernel, rows) for kernel, (_, rows) in zip(kernels, signed, strict=True)]
        found.append(
            BlockQuadratic(
                blocks,
                residuals,
                problem.codes,
                groups=len(problem.names),
                jitter=spec.jitter,
                signs=[sign for sign, _ in signed] if spec.bandwidth else None,
                device=problem.device,
            )
        )
    return found
