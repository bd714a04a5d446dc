"""A cut of a pruning: which samples it removes, what the file then holds, and that file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dvaudit import exporting
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import NotFoundError
from dvaudit.findings.pruning import Series, known
from dvaudit.store import Workspace
from dvaudit.stored import load_stored


@dataclass(frozen=True)
class CutFile:
    """What the file of a cut holds, in samples.

    Attributes:
        samples: of the dataset, those without a label or a value included.
        by_cut: left out by the cut, whatever their verdict.
        by_verdicts: left out because a verdict drops them, whatever the cut.
        both: of these, left out by both.
        relabelled: in the file with another label than the given one.
    """

    samples: int
    by_cut: int
    by_verdicts: int
    both: int
    relabelled: int

    @property
    def rows(self) -> int:
        """How many samples the file holds."""
        return self.samples - self.by_cut - self.by_verdicts + self.both


def pruned_positions(
    ws: Workspace, run_id: str, series: Series | str, removed: int, *, offset: int = 0
) -> NDArray[np.int64]:
    """Return the positions of the samples that a cut removes, in order of removal.

    Args:
        removed: how many; of a window its width.
        offset: places before a window.

    Raises:
        NotFoundError: a series that the run did not follow, or more samples than there are.
    """
    wanted = known(Series, series)
    order = ws.run_array(run_id, f"order-{wanted.slug}")[0]
    if not 0 <= offset <= offset + removed <= len(order):
        raise NotFoundError(
            f"Run {run_id} ranks {len(order):,} samples; it has no cut of {removed:,} from place "
            f"{offset:,}."
        )
    return np.array(order[offset : offset + removed], dtype=np.int64)


def pruned_ids(
    ws: Workspace, run_id: str, series: Series | str, removed: int, *, offset: int = 0
) -> list[str]:
    """Return the ids of the samples that a cut removes, in order of removal."""
    positions = pruned_positions(ws, run_id, series, removed, offset=offset)
    return [str(name) for name in ws.run_samples(run_id)["id"].to_numpy()[positions]]


def cut_changes(
    ws: Workspace, run_id: str, series: Series | str, removed: int, *, offset: int = 0
) -> dict[str, Decision]:
    """Return the standing verdicts, and a drop for each sample that a cut removes."""
    ids = pruned_ids(ws, run_id, series, removed, offset=offset)
    standing = ws.decisions(ws.run(run_id).dataset_id)
    return {**standing, **{name: Decision(name, Verdict.DROP) for name in ids}}


def cut_file(
    ws: Workspace, run_id: str, series: Series | str, removed: int, *, offset: int = 0
) -> CutFile:
    """Return what `export_cut` would write, as the verdicts stand."""
    dataset_id = ws.run(run_id).dataset_id
    samples, standing = ws.samples(dataset_id), ws.decisions(dataset_id)
    gone = np.zeros(len(samples), dtype=bool)
    gone[pruned_positions(ws, run_id, series, removed, offset=offset)] = True
    by_verdicts = both = relabelled = 0
    for at in np.flatnonzero(samples["id"].isin(list(standing)).to_numpy()).tolist():
        made = standing[str(samples["id"].iat[at])]
        if made.verdict is Verdict.DROP:
            by_verdicts += 1
            both += int(gone[at])
        elif made.verdict is Verdict.RELABEL and not gone[at]:
            relabelled += int(made.label != samples["label"].iat[at])
    return CutFile(len(samples), int(gone.sum()), by_verdicts, both, relabelled)


def export_cut(
    ws: Workspace, run_id: str, series: Series | str, removed: int, *, offset: int = 0
) -> Path:
    """Write the dataset without the samples of a cut, in its original format; return the file.

    Standing verdicts are applied to what is left. The file's name says the cut; every cut and
    state of the verdicts has a folder of its own.
    """
    changes = cut_changes(ws, run_id, series, removed, offset=offset)
    dataset_id = ws.run(run_id).dataset_id
    name = f"{known(Series, series).slug}-{removed}" + (f"-from-{offset}" if offset else "")

    def write(folder: Path) -> Path:
        made = exporting.write_dataset(load_stored(ws, dataset_id), changes, folder)
        return made.rename(made.with_stem(f"{made.stem.removesuffix('-corrected')}-pruned-{name}"))

    place = ws.exports / dataset_id / run_id
    return exporting.in_own_folder(place, "cut", (name, *exporting.told(changes)), write)
