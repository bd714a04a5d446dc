"""Prunings stored without having trained anything."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dvaudit.findings.pruning import Series, cut_grid, removal_order, shares_lost, window_grid
from dvaudit.store import RunKind, RunStatus, Workspace

STEPS, MOST, WIDTH, SEEDS = 6, 0.6, 0.2, (0, 1)


def made_up(series: Series, share: float, seed: int) -> float:
    """The score of a series at a share: cleaning rises first, the other end falls."""
    slope = {Series.LOWEST: 0.2, Series.HIGHEST: -0.5, Series.RANDOM: -0.1, Series.WINDOW: 0.3}
    return 0.8 + 0.01 * seed + slope[series] * share - 0.4 * share**2


def know_features(ws: Workspace, audit: str) -> None:
    """Let a stored audit say which features it used, as the estimate asks."""
    samples, summary = ws.run_samples(audit), ws.run_summary(audit)
    features = {"extractor": "tabular", "settings": {}, "dimensions": 3}
    summary["record"] = {**summary["record"], "features": features, "seed": 0}
    near = [ws.run_neighbours(audit, at) for at in range(len(samples))]
    ws.save_findings(
        audit,
        samples,
        {name: ws.run_table(audit, name) for name in ("classes", "confusions", "duplicates")},
        summary,
        {name: np.array([row[name] for row in near]) for name in near[0]},
    )


def add_pruning(
    ws: Workspace,
    audit: str,
    status: RunStatus = RunStatus.DONE,
    *,
    error: str | None = None,
    contributors: bool = False,
) -> str:
    """Store a pruning of an audit by kernel-loo in this status; return the run's id."""
    know_features(ws, audit)
    dataset = ws.run(audit).dataset_id
    params: dict[str, Any] = {
        "audit": audit,
        "valuator": "kernel-loo",
        "series": [series.value for series in Series if series is not Series.RANDOM],
        "proxy": "kernel ridge",
        "balanced": False,
        "seeds": list(SEEDS),
        "steps": STEPS,
        "most": MOST,
        "width": WIDTH,
        "trusted": None,
        "device": "cpu",
    }
    run = ws.add_run(dataset, RunKind.PRUNING, {"function": "none:none", **params})
    if status is RunStatus.QUEUED:
        return run
    assert ws.queue.claim_one(run)
    begun = ws.queue.begin(run, pid=None)
    assert begun is not None
    ws.queue.report(run, 0.4, "seed 1 of 2: order 2 of 3", 30.0)
    if status is RunStatus.DONE:
        _save(ws, run, audit, params, contributors)
    if status is not RunStatus.RUNNING:
        assert ws.queue.finish(run, begun.attempt, status, error)
    return run


def _save(ws: Workspace, run: str, audit: str, params: dict[str, Any], contributors: bool) -> None:
    samples, record = ws.run_samples(audit), ws.dataset(ws.run(audit).dataset_id)
    values = samples["kernel-loo.value"].to_numpy(dtype=float)
    n, names = len(values), list(record.class_names)
    codes = np.array([names.index(label) if names else -1 for label in samples["given_label"]])
    curves, classes, orders = [], [], {}
    for series in Series:
        drawn = [removal_order(values, series, seed=seed) for seed in SEEDS]
        orders[f"order-{series.slug}"] = np.stack(
            drawn if series is Series.RANDOM else drawn[:1]
        ).astype(np.int32)
        grid = [(0, int(gone)) for gone in cut_grid(n, MOST, STEPS)]
        windows = window_grid(n, WIDTH, STEPS) if series is Series.WINDOW else grid
        for seed, order in zip(SEEDS, drawn, strict=True):
            lost = shares_lost(codes, len(names), order, windows)
            for at, (start, end) in enumerate(windows):
                share = start / n if series is Series.WINDOW else end / n
                score = made_up(series, share, seed)
                key = {
                    "series": series.value,
                    "seed": seed,
                    "offset": start,
                    "removed": end - start,
                }
                curves.append({**key, "share": (end - start) / n, "score": score})
                for code, name in enumerate(names):
                    row = {"name": name, "lost": lost[at, code], "score": score, "held_out": 5}
                    classes.append({**key, **row})
    parts = pd.DataFrame(classes)
    ws.save_findings(
        run,
        samples=pd.DataFrame({"id": samples["id"], "value": values}),
        tables={
            "curves": pd.DataFrame(curves).assign(proxy=params["proxy"], balanced=False),
            "classes": parts,
            "contributors": parts.assign(name="Ann & Co") if contributors else parts[:0],
        },
        summary={
            **params, "samples": n, "pruned": n, "trained": n - 6, "drawn": False, "held_out": 6,
            "held_out_words": "Scored on a random 20% of the samples.", "ridge": 0.1,
            "features": "tabular", "seconds": 2.0,
        },
        neighbours={},
        arrays=orders,
    )  # fmt: skip
