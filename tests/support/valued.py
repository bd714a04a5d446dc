"""Datasets with contributors, and valuations of them stored without having run one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from appview import write_table

from dvaudit import readers
from dvaudit.store import RunKind, RunStatus, Workspace

KAPPA = 0.25


def add_contributed(
    ws: Workspace, folder: Path, people: int = 4, name: str = "trees", task: str = "classification"
) -> str:
    """Import a table with `people` contributors of three rows and more; return the dataset's id."""
    who = [f"site {at:02d}" for at in range(people) for _ in range(3 + at % 4)]
    path = write_table(folder / f"{name}.csv", len(who), **{"from": who})
    roles = {"from": "group", "kind": "label"}
    if task == "regression":
        roles |= {"height": "label", "kind": "categorical"}
    dataset = ws.add_dataset(name, path, copy=True, roles=roles, task=task)
    source = ws.dataset(dataset).source
    ws.finish_dataset(dataset, readers.load(source, name=name, roles=roles, task=task))
    return dataset


def add_valuation(
    ws: Workspace,
    dataset: str,
    status: RunStatus = RunStatus.DONE,
    *,
    trusted: str = "the trusted set checked (200 samples)",
    asked: str | None = None,
    seed: int = 0,
    summary: dict[str, Any] | None = None,
    error: str | None = None,
    without: tuple[str, ...] = (),
) -> str:
    """Store a valuation in this status, `without` some columns; return the run's id.

    Args:
        trusted: the trusted set as a result names it; `asked` is the id that was asked for.
    """
    params = {"trusted": asked, "settings": {}, "seed": seed, "device": "cpu"}
    run = ws.add_run(dataset, RunKind.CONTRIBUTORS, {"function": "none:none", **params})
    if status is RunStatus.QUEUED:
        return run
    assert ws.queue.claim_one(run)
    begun = ws.queue.begin(run, pid=None)
    assert begun is not None
    ws.queue.report(run, 0.4, "shapley: order 12 of 1,000", 130.0)
    if status is RunStatus.DONE:
        names = sorted(ws.samples(dataset)["group"].unique())
        table, found = made_up(names, seed)
        table["samples"] = ws.samples(dataset)["group"].value_counts()[names].to_numpy(float)
        found = {**found, "trusted": trusted, **(summary or {})}
        curves = made_up_curves(table)
        ws.save_findings(run, table.drop(columns=list(without)), {"curves": curves}, found, {})
    if status is not RunStatus.RUNNING:
        assert ws.queue.finish(run, begun.attempt, status, error)
    return run


def made_up(names: list[str], seed: int = 0) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return a table and a summary that fit each other, as Shapley values would."""
    rng = np.random.default_rng(seed)
    k = len(names)
    single_in, single_out = -rng.uniform(0.5, 2, k), -rng.uniform(0.1, 0.6, k)
    lowest = int(np.argmin(KAPPA * single_in + single_out))
    inside, outside = (
        (single - single[lowest]) / 2 + rng.normal(0, 0.05, k) for single in (single_in, single_out)
    )
    in_error, out_error = rng.uniform(0.02, 0.1, k), rng.uniform(0.005, 0.02, k)
    value = KAPPA * inside + outside
    table = pd.DataFrame(
        {
            "contributor": names,
            "samples": np.full(k, 5.0),
            "value": value,
            "std_error": np.hypot(KAPPA * in_error, out_error),
            "in_domain": inside,
            "out_of_domain": outside,
            "in_domain_std_error": in_error,
            "out_of_domain_std_error": out_error,
            "single_in_domain": single_in,
            "single_out_of_domain": single_out,
            "retraining": value + rng.normal(0, 0.05, k),
            "influence": value + rng.normal(0, 0.2, k),
            "robust_volume": rng.normal(40, 5, k),
        }
    )
    summary = {
        "kappa": KAPPA,
        "baseline_weight": 1 / k,
        "baseline_in_domain": single_in[lowest],
        "baseline_out_of_domain": single_out[lowest],
        "game": "shapley",
        "net": "mlp",
        "performance": "accuracy",
        "full_performance": 0.91,
        "samples": 5 * k,
        "contributors": k,
        "status": [f"{k} contributors, shapley on mlp at 3 initialisations."],
        "notes": ["Pictures were scaled to 32 x 32."],
    }
    return table, summary


def made_up_curves(table: pd.DataFrame) -> pd.DataFrame:
    """Return performance that falls as contributors go, fastest where the highest go first."""
    k, parts = len(table), []
    count = np.arange(k + 1)
    for direction in ("remove", "add"):
        left = (k - count if direction == "remove" else count) / k
        for order, power in (("lowest", 0.3), ("highest", 1.2), ("random", 0.6)):
            bent = power if direction == "remove" else {0.3: 1.2, 1.2: 0.3, 0.6: 0.6}[power]
            error = 0.03 * np.sin(np.pi * left) if order == "random" else np.zeros(k + 1)
            parts.append(
                pd.DataFrame(
                    {
                        "order": order,
                        "direction": direction,
                        "count": count,
                        "samples": np.round(left * table["samples"].sum()).astype(int),
                        "performance": 0.1 + 0.8 * left**bent,
                        "std_error": error,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)
