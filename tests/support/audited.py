"""A dataset with a stored audit that has everything the result pages show, made without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from appview import add_audit, findings_of, write_table
from PIL import Image

from dvaudit import readers
from dvaudit.store import Workspace

WRONG = (0, 1, 2)  # the positions that are flagged, most suspicious first


def add_audited_table(
    ws: Workspace,
    folder: Path,
    rows: int = 30,
    roles: dict[str, str] | None = None,
    **more: object,
) -> tuple[str, str]:
    """Import the small table of `appview` and audit it; return the ids of dataset and run."""
    path = write_table(folder / "trees.csv", rows, **more)
    return _audited(ws, "trees", path, roles=roles or {})


def add_audited_numbers(ws: Workspace, folder: Path) -> tuple[str, str]:
    """The same for regression: the label is a number."""
    path = write_table(folder / "numbers.csv")
    roles = {"height": "label", "width": "numeric", "kind": "categorical"}
    return _audited(ws, "numbers", path, roles=roles, task="regression", suggestion="42.5")


def add_audited_pictures(ws: Workspace, folder: Path, each: int = 4) -> tuple[str, str]:
    """The same for pictures: `each` of two classes, `elm` and `oak`."""
    root = folder / "pictures"
    for number in range(2 * each):
        path = root / ("elm", "oak")[number % 2] / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), (20 * number, 90, 200)).save(path)
    return _audited(ws, "pictures", root, roles={})


def mark_atypical(ws: Workspace, run: str, positions: tuple[int, ...]) -> None:
    """Let a stored audit have run the CG-score, which finds these samples atypical."""
    samples = ws.run_samples(run)
    samples["cg-score.value"] = [-0.01 * at for at in range(len(samples))]
    samples["cg-score.cg_atypical"] = [float(at in positions) for at in range(len(samples))]
    tables = {name: ws.run_table(run, name) for name in ("classes", "confusions", "duplicates")}
    summary = ws.run_summary(run)
    ws.save_findings(run, samples, tables, summary, _neighbours(samples))


def _audited(
    ws: Workspace,
    name: str,
    path: Path,
    *,
    roles: dict[str, str],
    task: str | None = None,
    suggestion: str = "oak",
) -> tuple[str, str]:
    dataset = ws.add_dataset(name, path, copy=True, roles=roles, task=task)
    source = ws.dataset(dataset).source
    ws.finish_dataset(dataset, readers.load(source, name=name, roles=roles or None, task=task))
    run = add_audit(ws, dataset)
    samples = findings_of(ws, dataset)
    given = samples["given_label"]
    samples["suggested_label"] = [
        (suggestion if given[at] != suggestion else "elm") if at in WRONG else None
        for at in range(len(samples))
    ]
    samples["reason"] = [f"reason {at}" if at in WRONG else "" for at in range(len(samples))]
    samples.loc[[4, 5], "duplicate_group"] = 1
    samples.loc[[4, 5], "duplicate_conflict"] = True
    samples.loc[6, "outlier"] = True
    ws.save_findings(run, samples, _tables(samples), _summary(samples), _neighbours(samples))
    return dataset, run


def _tables(samples: pd.DataFrame) -> dict[str, pd.DataFrame]:
    names = sorted(samples["given_label"].unique())
    of = samples.groupby("given_label")
    return {
        "classes": pd.DataFrame(
            {
                "class": names,
                "samples": [len(of.get_group(name)) for name in names],
                "share": [len(of.get_group(name)) / len(samples) for name in names],
                "flagged": [int(of.get_group(name)["flagged"].sum()) for name in names],
                "share_flagged": [float(of.get_group(name)["flagged"].mean()) for name in names],
                "mean_margin": 0.1,
                "most_confused_with": names[::-1],
                "note": "",
            }
        ),
        "confusions": pd.DataFrame(
            {"given_label": ["elm"], "suggested_label": ["oak"], "samples": [1], "share": [0.1],
             "examples": [["0"]]}
        ),
        "duplicates": pd.DataFrame(
            {
                "group": [1, 1],
                "kind": ["exact", "exact"],
                "id": samples["id"].iloc[4:6].tolist(),
                "given_label": samples["given_label"].iloc[4:6].tolist(),
                "conflict": [True, True],
                "keep": [True, False],
            }
        ),
    }  # fmt: skip


def _summary(samples: pd.DataFrame) -> dict[str, object]:
    return {
        "record": {"created": "2026-01-01T00:00:00+00:00"},
        "error_rate": {"rate": 0.1, "low": 0.05, "high": 0.15, "how": "made up"},
        "notes": [],
        "samples": len(samples),
        "labelled": len(samples),
        "flagged": len(WRONG),
        "outliers": 1,
        "duplicate_groups": 1,
        "duplicate_conflicts": 2,
    }


def _neighbours(samples: pd.DataFrame) -> dict[str, np.ndarray]:
    """Each sample's two nearest of its own class and of others are the next in dataset order."""
    n = len(samples)
    labels = samples["given_label"].to_numpy(dtype=object)
    same, other = np.full((n, 2), -1, np.int32), np.full((n, 2), -1, np.int32)
    for at in range(n):
        ring = [(at + step) % n for step in range(1, n)]
        for target, equal in ((same, True), (other, False)):
            found = [near for near in ring if (labels[near] == labels[at]) == equal][:2]
            target[at, : len(found)] = found
    angles = np.tile(np.array([0.1, 0.2], dtype=np.float32), (n, 1))
    return {
        "same_index": same, "same_distance": angles, "other_index": other,
        "other_distance": angles, "all_index": same, "all_distance": angles,
    }  # fmt: skip
