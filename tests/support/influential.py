"""Audits with embeddings that answer influence, stored without having run one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dvaudit.store import RunKind, RunStatus, Workspace

SIZE = 5  # numbers of an embedding


def add_influence(
    ws: Workspace,
    like: str,
    *,
    trusted: str | None = None,
    halves: bool = False,
    unlabelled: tuple[int, ...] = (),
    kept: bool = True,
    agreement: float = 0.9,
    seed: int = 0,
    end: bool = True,
) -> tuple[str, dict[str, np.ndarray]]:
    """Store an audit with dvemb beside a finished one; return the run's id and its arrays.

    Args:
        like: the finished audit whose findings it repeats.
        trusted: a dataset whose samples are the queries; without one the data's own are, all of
            them in `halves`, else the first four, which are not trained on.
        unlabelled: positions that are not trained on.
        kept: False stores no embeddings, as where they pass their bound.
        end: False keeps nothing to answer new samples by, as older versions did.
    """
    dataset = ws.run(like).dataset_id
    params = {"valuators": ["kernel-loo", "dvemb"], "settings": {}, "seed": 0}
    run = ws.add_run(
        dataset, RunKind.AUDIT, {"function": "none:none", "trusted": trusted, **params}
    )
    assert ws.queue.claim_one(run)
    begun = ws.queue.begin(run, pid=None)
    assert begun is not None
    n = len(ws.samples(dataset))
    others = None if trusted is None else len(ws.samples(trusted))
    arrays = made_up_arrays(n, others, halves=halves, unlabelled=unlabelled, seed=seed)
    summary = ws.run_summary(like)
    said: dict[str, Any] = {
        "status": "Measured.",
        "embeddings": {"seed": 0} if kept else None,
        "embeddings_agreement": agreement if kept else None,
    }
    if end:
        classes = list(ws.dataset(dataset).class_names)
        said["end"] = {"classes": classes} if kept else None
    if halves:
        said["parts"] = [
            {**said, "embeddings_agreement": agreement + 0.02},
            {**said, "embeddings_agreement": agreement},
        ]
    summary = {**summary, "record": {**summary.get("record", {}), "valuators": {"dvemb": said}}}
    samples = ws.run_samples(like)
    near = [ws.run_neighbours(like, at) for at in range(n)]
    ws.save_findings(
        run,
        samples=samples,
        tables={name: ws.run_table(like, name) for name in ("classes", "confusions", "duplicates")},
        summary=summary,
        neighbours={name: np.array([row[name] for row in near]) for name in near[0]},
        arrays={f"dvemb-{name}": array for name, array in arrays.items()} if kept else {},
    )
    assert ws.queue.finish(run, begun.attempt, RunStatus.DONE, None)
    return run, arrays


def made_up_arrays(
    n: int, others: int | None, *, halves: bool, unlabelled: tuple[int, ...], seed: int
) -> dict[str, np.ndarray]:
    """Random embeddings of `n` samples, and of `others` trusted ones where there are any."""
    rng = np.random.default_rng(seed)
    embeddings = rng.standard_normal((n, SIZE)).astype(np.float32)
    embeddings[list(unlabelled)] = np.nan
    arrays = {}
    if others is not None:
        rows = n + np.arange(others)
    elif halves:
        # Each half is asked of the run on the other one: the even rows of run 0 first.
        part = (np.arange(n) % 2).astype(np.float32)
        part[list(unlabelled)] = np.nan
        rows = np.concatenate([np.flatnonzero(part == 1), np.flatnonzero(part == 0)])
        arrays["part"] = part[:, None]
        arrays["query_part"] = np.repeat([0, 1], [(part == 1).sum(), (part == 0).sum()])
    else:
        rows = np.arange(4)
        embeddings[:4] = np.nan
    queries = rng.standard_normal((len(rows), SIZE)).astype(np.float32)
    return {
        "embeddings": embeddings,
        "query_embeddings": queries,
        "query_rows": rows.astype(np.int64),
        **arrays,
    }


def add_question(
    ws: Workspace,
    audit: str,
    samples: Mapping[str, str],
    *,
    status: RunStatus = RunStatus.DONE,
    error: str | None = None,
    rows: pd.DataFrame | None = None,
    pictures: Sequence[bytes] = (),
    notes: Sequence[str] = (),
    unreadable: Sequence[Sequence[str]] = (),
    halves: bool = False,
    seed: int = 7,
) -> tuple[str, np.ndarray]:
    """Store a question to an audit of `add_influence`; return its id and its vectors.

    Args:
        samples: id and label of each.
    """
    name = next(iter(samples), "own.csv")
    params = {"audit": audit, "file": name, "dataset": None, "label": None}
    run = ws.add_run(ws.run(audit).dataset_id, RunKind.QUERY, {"function": "none:none", **params})
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((1 + halves, len(samples), SIZE)).astype(np.float32)
    if status is RunStatus.QUEUED:
        return run, vectors
    assert ws.queue.claim_one(run)
    begun = ws.queue.begin(run, pid=None)
    assert begun is not None
    if status is RunStatus.DONE:
        arrays: dict[str, np.ndarray] = {"vectors": vectors}
        if pictures:
            arrays["pictures"] = np.frombuffer(b"".join(pictures), dtype=np.uint8)
            arrays["picture_ends"] = np.cumsum([len(item) for item in pictures])
        ws.save_findings(
            run,
            samples=pd.DataFrame({"id": list(samples), "label": list(samples.values())}),
            tables={} if rows is None else {"rows": rows},
            summary={"notes": list(notes), "unreadable": [list(item) for item in unreadable]},
            neighbours={},
            arrays=arrays,
        )
    if status is not RunStatus.RUNNING:
        assert ws.queue.finish(run, begun.attempt, status, error)
    return run, vectors
