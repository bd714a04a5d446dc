"""Projected embeddings on disk: queries without torch, damage, sweeps that failed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from projections import N, problem, project, run_of
from torch import Tensor

from dvaudit.core.embeddings import HEADER, MATRIX, StoredEmbeddings
from dvaudit.core.errors import (
    UnreadableInputError,
    UnsuitableDataError,
)
from dvaudit.gradients import (
    ProjectedStep,
    embedding_sums,
    project_queries,
    projected_embeddings,
    write_embeddings,
)
from dvaudit.gradients.losses import cross_entropy


def _written(folder: Path) -> tuple[Tensor, Tensor]:
    """Write embeddings; return the sums they should be and a query."""
    model, data, validation = problem()
    run, projections = run_of(model, data), project(model, data, 8)
    write_embeddings(folder, model, cross_entropy, data, run, projections)
    steps: list[ProjectedStep] = list(
        projected_embeddings(model, cross_entropy, data, run, projections)
    )
    sums = embedding_sums(steps, N, projections.size)
    return sums, project_queries(model, cross_entropy, validation, run, projections).mean(0)


def test_stored_embeddings_answer_queries_without_torch(tmp_path: Path) -> None:
    sums, query = _written(tmp_path)
    stored = StoredEmbeddings.open(tmp_path)
    np.testing.assert_allclose(stored.values, sums, rtol=1e-6)
    assert stored.header["rows"] == N
    assert [layer["size"] for layer in stored.header["layers"]] == [4, 4, 4]
    expected = (sums.double() @ query).numpy()
    np.testing.assert_allclose(stored.influence(query.numpy()), expected, rtol=1e-4, atol=1e-7)
    np.save(tmp_path / "query.npy", query.numpy())
    code = (
        "import sys, numpy as np; from pathlib import Path;"
        "from dvaudit.core.embeddings import StoredEmbeddings;"
        f"folder = Path({str(tmp_path)!r});"
        "found = StoredEmbeddings.open(folder).influence(np.load(folder / 'query.npy'));"
        "print(found.shape, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"({N},) False"


def test_damaged_embeddings_are_refused_by_name(tmp_path: Path) -> None:
    _, query = _written(tmp_path)
    stored = StoredEmbeddings.open(tmp_path)
    with pytest.raises(UnsuitableDataError, match=r"shape \(3,\) and the embeddings 12 numbers"):
        stored.influence(np.zeros(3))
    with pytest.raises(UnsuitableDataError, match="1 of 12 numbers"):
        stored.influence(np.where(np.arange(12) == 2, np.nan, query.numpy()))
    header = json.loads((tmp_path / HEADER).read_text())
    for change, match in (
        ({"schema_version": 99}, "schema version 99"),
        ({"rows": 3}, r"\(3, 12\)"),
    ):
        (tmp_path / HEADER).write_text(json.dumps({**header, **change}))
        with pytest.raises(UnreadableInputError, match=match):
            StoredEmbeddings.open(tmp_path)
    (tmp_path / HEADER).write_text(json.dumps(header))
    (tmp_path / MATRIX).write_bytes(b"short")
    with pytest.raises(UnreadableInputError, match="cannot be read"):
        StoredEmbeddings.open(tmp_path)
    (tmp_path / HEADER).unlink()
    with pytest.raises(UnreadableInputError, match="no complete embeddings"):
        StoredEmbeddings.open(tmp_path)


def test_a_failed_sweep_leaves_no_header(tmp_path: Path) -> None:
    _written(tmp_path)
    model, data, _ = problem()
    run = run_of(model, data)
    projections = project(model, data, 8)

    def fails(outputs: Tensor, targets: Tensor) -> Tensor:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_embeddings(tmp_path, model, fails, data, run, projections)
    with pytest.raises(UnreadableInputError, match="no complete embeddings"):
        StoredEmbeddings.open(tmp_path)
