"""What methods get that train a net, or measure samples against trusted ones."""

from __future__ import annotations

import time
from abc import abstractmethod
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, Kind, Task
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.progress import Progress, part, silent
from dvaudit.core.result import ValuationResult
from dvaudit.core.trace import Watch
from dvaudit.valuators.base import Level, Method, Scores, compact_labels, expand
from dvaudit.valuators.magnitudes import single
from dvaudit.valuators.shared import Shared
from dvaudit.valuators.trained_parts import merged
from dvaudit.valuators.trusted import Split, given_split, halves, usable

PICTURE_NETS = frozenset({"lenet5", "resnet"})
TOKEN_NETS = frozenset({"attention"})
LARGE = 4_000_000  # numbers of all inputs; from here on cores are shared with profit


@dataclass(frozen=True, eq=False)
class TrainingProblem:
    """m labelled samples to value, and v trusted ones where the method wants them.

    Attributes:
        inputs: (m, d) vectors as the feature extractor gives them, (m, channels, height, width)
            pictures in [0, 1], or (m, length) int64 tokens, 0 for padding; otherwise float32.
        labels: (m,) int64 class codes, or float64 targets.
        class_names: the classes that the codes index; empty for regression.
        ids: of the m samples.
        trusted_inputs, trusted_labels: (v, ...) and (v,), in the same code; None where the
            method measures against nothing.
        watch: to be told of values while the method trains.
        module: a net of the user's own in place of a named one; see Shared.
        scaled: vectors are as a net takes them; their columns must keep their scales.
    """

    task: Task
    inputs: NDArray[Any]
    labels: NDArray[Any]
    class_names: tuple[str, ...]
    ids: tuple[str, ...]
    trusted_inputs: NDArray[Any] | None
    trusted_labels: NDArray[Any] | None
    seed: int
    device: str
    progress: Progress
    watch: Watch
    module: object | None = None
    scaled: bool = False

    @property
    def outputs(self) -> int:
        """Classes, or 1 for regression."""
        return len(self.class_names) or 1


class TrainedValuator(Method):
    """A method that gives every labelled sample a value by training, or against trusted samples.

    Where `needs` has "trusted" and no sample is known to be right, the data is split at random
    into halves, and each is valued against the other. Its Settings may have `net`, a name of
    models.TRAINABLE or "auto": nets for pictures and for text get those in place of vectors.
    """

    level = Level.SAMPLE
    order_free = False

    @abstractmethod
    def _value(self, problem: TrainingProblem) -> Scores:
        """Return the scores of the problem's m samples."""

    def value(
        self,
        data: Dataset,
        *,
        trusted: Dataset | None = None,
        seed: int = 0,
        device: str = "cpu",
        progress: Progress = silent,
        shared: Shared | None = None,
    ) -> ValuationResult:
        """Value every labelled sample of `data`; those that serve as trusted ones get NaN.

        Raises:
            UnsuitableDataError: the task is not one of `tasks`, no sample has a label, nothing is
                left to value or to measure against, or numbers are too large.
            SettingsError: a seed out of range.
            NumericalError: values that are not finite.
        """
        self._check(data, seed)
        shared, start = shared or Shared(), time.perf_counter()
        split = self._split(data, trusted, seed)
        inputs = net_inputs(split.data, getattr(self.settings, "net", "auto"), shared, seed, device)
        found = []
        for index, (rows, against) in enumerate(split.parts()):
            place = part(progress, index / len(split.valued), (index + 1) / len(split.valued))
            problem, kept = _problem(
                split.data, len(data), inputs, rows, against, shared, seed, device, place
            )
            with _threads(inputs, device):
                scores = _placed(self._value(problem), against)
            found.append((kept, scores, problem.class_names))
        rows, scores, class_names = merged(found)
        words = f"Measured against {split.words}. " if "trusted" in self.needs else ""
        stats = {
            **scores.stats,
            "settings": asdict(self.settings),
            "device": device,
            "scored": len(rows),
            "unlabelled": int((~data.labelled).sum()),
            "seconds_total": round(time.perf_counter() - start, 3),
            "inputs_key": shared.kept_as(split.data),
        }
        if "trusted" in self.needs:
            stats["trusted"] = split.words
        scores = replace(scores, status=f"{words}{scores.status}")
        return expand(self, data, rows, class_names, scores, stats)

    def check(self, kind: Kind, task: Task) -> None:
        """Refuse also a net for pictures where there are none."""
        super().check(kind, task)
        check_net(getattr(self.settings, "net", "auto"), kind)

    def _split(self, data: Dataset, trusted: Dataset | None, seed: int) -> Split:
        if "trusted" in self.needs:
            return given_split(data, trusted) or halves(data, seed)
        rows = usable(data)
        return Split(data, (rows,), (rows[:0],), "nothing")


def _threads(inputs: NDArray[Any], device: str) -> AbstractContextManager[None]:
    """Let small nets train on one core, which sharing among cores slows down."""
    if inputs.size > LARGE or device != "cpu":
        return nullcontext()
    from dvaudit.linalg.threads import one_thread  # loads torch

    return one_thread()


def _placed(scores: Scores, against: NDArray[np.int64]) -> Scores:
    """Name the trusted samples by their row of the dataset they are of."""
    rows = scores.other_arrays.get("query_rows")
    if rows is None:
        return scores
    return replace(scores, other_arrays={**scores.other_arrays, "query_rows": against[rows]})


def wants_pictures(net: str) -> bool:
    """Return whether a net of this name takes pictures, not vectors."""
    return net in PICTURE_NETS or net.startswith("torchvision:")


def check_net(net: str, kind: Kind) -> None:
    """Refuse a net for pictures on samples that are none.

    Raises:
        UnsuitableDataError: for a net of this name.
    """
    if wants_pictures(net) and kind is not Kind.IMAGE:
        raise UnsuitableDataError(
            f"The net {net!r} takes pictures, and this dataset has none; choose the net 'mlp'."
        )


def net_inputs(
    data: Dataset,
    net: str,
    shared: Shared,
    seed: int,
    device: str,
    *,
    fitted_on: int | None = None,
    progress: Progress = silent,
) -> NDArray[Any]:
    """Return what a net called `net` takes of every sample: vectors, pictures or tokens.

    Args:
        fitted_on: features are learned from so many first samples; None: from all.

    Raises:
        UnsuitableDataError: a net for pictures and data without, or vectors beyond
            magnitudes.LARGEST.
    """
    own_pictures = (
        shared.module is not None and data.kind is Kind.IMAGE and shared.extractor is None
    )
    if wants_pictures(net) or own_pictures:
        check_net(net, data.kind)
        return shared.pictures(data, progress, fitted_on)
    if net in TOKEN_NETS:
        return shared.tokens(data, fitted_on)
    found = shared.features(data, seed=seed, device=device, progress=progress, fitted_on=fitted_on)
    return single(found.matrix, data.ids)


def _problem(
    data: Dataset,
    samples: int,
    inputs: NDArray[Any],
    rows: NDArray[np.int64],
    against: NDArray[np.int64],
    shared: Shared,
    seed: int,
    device: str,
    progress: Progress,
) -> tuple[TrainingProblem, NDArray[np.int64]]:
    """Return the problem and its rows; classes are those of the valued and trusted rows.

    Args:
        samples: how many of `data` are to be shown to people, the first ones.
    """
    if not len(rows):
        raise UnsuitableDataError(
            "No labelled sample is left to value: all are marked as trusted. Mark fewer."
        )
    both = np.concatenate([rows, against])
    labels, names = _codes(data, both)
    m = len(rows)
    problem = TrainingProblem(
        task=data.task,
        inputs=inputs[rows],
        labels=labels[:m],
        class_names=names,
        ids=tuple(data.ids[row] for row in rows),
        trusted_inputs=inputs[against] if len(against) else None,
        trusted_labels=labels[m:] if len(against) else None,
        seed=seed,
        device=device,
        progress=progress,
        watch=_placing(shared.watch, rows, samples),
        module=shared.module,
    )
    return problem, rows


def _placing(watch: Watch, rows: NDArray[np.int64], n: int) -> Watch:
    """Return a watch that is told of m samples and passes on n, NaN for those not in `rows`."""

    def told(name: str, point: float, values: NDArray[np.float32], known: dict[str, Any]) -> None:
        whole = np.full(n, np.nan, dtype=np.float32)
        whole[rows] = values
        watch(name, point, whole, known)

    return told


def _codes(data: Dataset, rows: NDArray[np.int64]) -> tuple[NDArray[Any], tuple[str, ...]]:
    if data.task is Task.UNSUPERVISED:
        return np.zeros(len(rows)), ()
    return compact_labels(data, rows)
