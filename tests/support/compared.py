"""Audits with several methods, and self-tests, stored without having run one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dvaudit import findings
from dvaudit.store import RunKind, RunStatus, Workspace


def add_methods(ws: Workspace, like: str, *, seed: int = 0, error: float | None = 0.05) -> str:
    """Store an audit beside a finished one, with three methods; return the run's id.

    kernel-loo repeats the values of `like`; cg-score turns them round; el2n is close to
    kernel-loo and has standard errors of size `error`, if any.
    """
    dataset = ws.run(like).dataset_id
    params = {"valuators": ["kernel-loo", "cg-score", "el2n"], "settings": {}, "seed": seed}
    run = ws.add_run(dataset, RunKind.AUDIT, {"function": "none:none", "extractor": None, **params})
    assert ws.queue.claim_one(run)
    begun = ws.queue.begin(run, pid=None)
    assert begun is not None
    samples = ws.run_samples(like)
    values = samples["kernel-loo.value"].to_numpy(dtype=float)
    noise = np.random.default_rng(seed).normal(0, 0.3, len(values))
    samples["cg-score.value"] = -values
    samples["el2n.value"] = values + noise
    if error is not None:
        samples["el2n.std_error"] = error
    near = [ws.run_neighbours(like, at) for at in range(len(samples))]
    ws.save_findings(
        run,
        samples,
        {name: ws.run_table(like, name) for name in ("classes", "confusions", "duplicates")},
        ws.run_summary(like),
        {name: np.array([row[name] for row in near]) for name in near[0]},
    )
    assert ws.queue.finish(run, begun.attempt, RunStatus.DONE, None)
    return run


def add_selftest(
    ws: Workspace,
    dataset: str,
    status: RunStatus = RunStatus.DONE,
    *,
    error: str | None = None,
    recalls: dict[str, float] | None = None,
    share: float = 0.1,
) -> str:
    """Store a self-test in this status, methods with these mean recalls; return the run's id."""
    recalls = recalls or {"kernel-loo": 0.8, "cg-score": 0.4}
    params: dict[str, Any] = {
        "valuators": list(recalls),
        "share": share,
        "kind": "uniform",
        "seeds": [0, 1],
        "trusted": None,
        "pairs": None,
        "device": "cpu",
    }
    run = ws.add_run(dataset, RunKind.SELFTEST, {"function": "none:none", **params})
    if status is RunStatus.QUEUED:
        return run
    assert ws.queue.claim_one(run)
    begun = ws.queue.begin(run, pid=None)
    assert begun is not None
    ws.queue.report(run, 0.4, "round 1 of 2: cg-score: solving", 30.0)
    if status is RunStatus.DONE:
        _save(ws, run, dataset, params, recalls)
    if status is not RunStatus.RUNNING:
        assert ws.queue.finish(run, begun.attempt, status, error)
    return run


def _save(
    ws: Workspace, run: str, dataset: str, params: dict[str, Any], recalls: dict[str, float]
) -> None:
    grid = findings.review_grid(params["share"])
    rows, lines = [], []
    for method, mean in recalls.items():
        for seed in params["seeds"]:
            recall = mean + (0.02 if seed else -0.02)
            ranked = 0.5 + recall / 2
            rows.append(
                {"method": method, "seed": seed, "planted": 100, "candidates": 1000,
                 "recall": recall, "auroc": ranked}
            )  # fmt: skip
            found = 1 - (1 - grid) ** (np.log1p(-recall) / np.log1p(-params["share"]))
            lines.append(
                pd.DataFrame({"method": method, "seed": seed, "reviewed": grid, "found": found})
            )
    scores = pd.DataFrame(rows)
    means = findings.mean_scores(scores, dict.fromkeys(recalls, 3.0))
    advice = findings.recommend(means, params["share"])
    samples = pd.DataFrame({"id": ws.samples(dataset)["id"], "planted": 0})
    summary = {
        **{name: params[name] for name in ("valuators", "share", "kind", "seeds", "trusted")},
        "recommended": advice.method,
        "why": advice.why,
        "chance": params["share"],
        "samples": len(samples),
        "features": "tabular",
    }
    curves = pd.concat(lines, ignore_index=True)
    tables = {"scores": scores, "curves": curves, "methods": means}
    ws.save_findings(run, samples, tables, summary, {})
