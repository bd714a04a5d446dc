"""Trainings stored on an audit without having run one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dvaudit.store import RunKind, RunStatus, Workspace

EPOCHS = 5


def describe_features(ws: Workspace, run: str, **stats: object) -> None:
    """Let a stored audit of `audited` tell its features, and `stats` of its cg-score."""
    summary = ws.run_summary(run)
    summary["record"] |= {
        "features": {"extractor": "tabular", "settings": {}, "dimensions": 12},
        "valuators": {"cg-score": stats},
        "seed": 0,
    }
    tables = {name: ws.run_table(run, name) for name in ("classes", "confusions", "duplicates")}
    samples = ws.run_samples(run)
    near = [ws.run_neighbours(run, at) for at in range(len(samples))]
    arrays = {name: np.array([row[name] for row in near]) for name in near[0]}
    ws.save_findings(run, samples, tables, summary, arrays)


def add_training(
    ws: Workspace,
    audit: str,
    status: RunStatus = RunStatus.DONE,
    *,
    seed: int = 0,
    error: str | None = None,
) -> str:
    """Store a training on `audit` in this status; return the run's id."""
    params = {"audit": audit, "valuator": "kernel-loo", "epochs": EPOCHS, "seed": seed}
    function = {"function": "none:none", "device": "cpu"}
    dataset = ws.run(audit).dataset_id
    run = ws.add_run(dataset, RunKind.TRAINING, {**function, **params})
    if status is RunStatus.QUEUED:
        return run
    assert ws.queue.claim_one(run)
    begun = ws.queue.begin(run, pid=None)
    assert begun is not None
    ws.queue.report(run, 0.4, "training the proxy net", 30.0)
    if status is RunStatus.DONE:
        n = len(ws.samples(dataset))
        group = pd.array(np.arange(n) * 10 // n + 1, dtype="Int64")
        samples = pd.DataFrame({"id": ws.samples(dataset)["id"], "value": 0.0, "group": group})
        summary = {
            **params,
            "trained": n,
            "features": "tabular",
            "held_out": "Tested on a random fifth of the samples.",
        }
        tables = {"groups": made_up_groups(), "windows": made_up_windows()}
        ws.save_findings(run, samples, tables, summary, {})
    if status is not RunStatus.RUNNING:
        assert ws.queue.finish(run, begun.attempt, status, error)
    return run


def made_up_groups(epochs: int = EPOCHS) -> pd.DataFrame:
    """Ten groups that are learned the later, the lower their number."""
    rows = []
    for epoch in range(epochs + 1):
        for group in range(1, 11):
            learned = 1 - np.exp(-epoch * group / 5)
            rows.append(
                {
                    "epoch": epoch,
                    "group": group,
                    "loss": 3 * (1 - learned) + 0.01,
                    "accuracy": 0.1 + 0.9 * learned,
                    "velocity": np.nan if epoch == 0 else 0.2 / (epoch * group),
                }
            )
    return pd.DataFrame(rows)


def made_up_windows(accuracy: list[float] | None = None, held_out: int = 10_000) -> pd.DataFrame:
    """A window curve over 0 to 50 %; by default it rises, then falls."""
    found = accuracy or [0.8, 0.82, 0.85, 0.86, 0.84, 0.7]
    return pd.DataFrame(
        {
            "offset": np.linspace(0, 0.5, len(found)),
            "accuracy": found,
            "trained": 12,
            "held_out": held_out,
        }
    )
