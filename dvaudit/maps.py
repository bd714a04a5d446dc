"""Use case of embedding maps: the samples of an audit as points of a plane.

PCA comes with the audit. t-SNE and UMAP, and PCA for an audit that has none, are runs of their own.
Nothing here loads scikit-learn or umap before a map is made: the web server imports this module.
"""

from __future__ import annotations

import contextlib
import io
import re
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit import findings, valuators
from dvaudit.core.device import resolve_device
from dvaudit.core.errors import NotFoundError, SettingsError, UnsuitableDataError
from dvaudit.core.progress import Progress, part
from dvaudit.pipeline import PLANE
from dvaudit.store import RunKind, RunRecord, RunStatus, Workspace
from dvaudit.stored import load_stored, queue, ready

PCA = "pca"  # the name of the map that comes with an audit; others are named by their run
PLACES = "places"
FEWEST = 5
COMPONENTS = 50  # t-SNE and UMAP see this many principal components
PERPLEXITY, NEIGHBOURS, MIN_DIST = 30.0, 15, 0.1
ITERATIONS = 1000  # of t-SNE


class MapMethod(StrEnum):
    """How samples are laid out."""

    PCA = "pca"
    TSNE = "tsne"
    UMAP = "umap"


# Above these a map takes more than about half an hour on two cores.
MOST_SAMPLES: Mapping[MapMethod, int] = {MapMethod.TSNE: 20_000, MapMethod.UMAP: 200_000}


@dataclass(frozen=True)
class EmbeddingMap:
    """A map whose points are there: its name in addresses, and how it was made."""

    name: str
    method: MapMethod


def maps_of(ws: Workspace, audit: RunRecord) -> list[EmbeddingMap]:
    """Return the maps of an audit that are done: its own PCA first, then newest first."""
    made = [
        EmbeddingMap(run.id, MapMethod(run.params["method"]))
        for run in map_runs(ws, audit)
        if run.status is RunStatus.DONE
    ]
    return [EmbeddingMap(PCA, MapMethod.PCA), *made] if _has_plane(ws, audit.id) else made


def map_runs(ws: Workspace, audit: RunRecord) -> list[RunRecord]:
    """Return the runs that make, or made, maps of an audit, newest first."""
    return [
        run for run in ws.runs(audit.dataset_id, RunKind.MAP) if run.params.get("audit") == audit.id
    ]


def map_points(ws: Workspace, audit_id: str, name: str) -> NDArray[np.uint16]:
    """Return (n, 2) the places of all samples of an audit, in steps of findings.embedding.SIDE.

    Raises:
        NotFoundError: the audit has no such map, or it is not done.
    """
    if name == PCA:
        return ws.run_array(audit_id, PLANE)
    run = ws.run(name)
    if run.kind is not RunKind.MAP or run.params.get("audit") != audit_id:
        raise NotFoundError(f"Audit {audit_id} has no map {name!r}.")
    return ws.run_array(name, PLACES)


def map_refusal(samples: int, method: MapMethod) -> str | None:
    """Return why a map cannot be made of so many samples, None where it can."""
    if samples < FEWEST:
        return f"A map needs {FEWEST} samples or more; there are {samples}."
    most = MOST_SAMPLES.get(method)
    if most is None or samples <= most:
        return None
    instead = "UMAP" if samples <= MOST_SAMPLES[MapMethod.UMAP] else "the PCA map"
    title = {MapMethod.TSNE: "t-SNE", MapMethod.UMAP: "UMAP"}[method]
    return (
        f"{title} takes at most {most:,} samples here, and this dataset has {samples:,}: it would "
        f"take hours. Use {instead}."
    )


def start_map(ws: Workspace, audit_id: str, method: MapMethod | str, *, seed: int = 0) -> str:
    """Queue a map of the samples of a finished audit, by its feature vectors; return the run id.

    Raises:
        NotFoundError: no such audit.
        SettingsError: an unknown method.
        UnsuitableDataError: the audit is not finished, or has too few or too many samples.
    """
    audit = ws.run(audit_id)
    if audit.kind is not RunKind.AUDIT or audit.status is not RunStatus.DONE:
        raise UnsuitableDataError(
            f"Run {audit_id} is no finished audit; a map needs the features of one."
        )
    try:
        wanted = MapMethod(method)
    except ValueError:
        raise SettingsError(
            f"There is no map {method!r}; choose from: {', '.join(MapMethod)}."
        ) from None
    why = map_refusal(ready(ws, audit.dataset_id).samples or 0, wanted)
    if why is not None:
        raise UnsuitableDataError(why)
    params = {
        "audit": audit_id,
        "method": wanted.value,
        "seed": int(seed),
        "extractor": audit.params.get("extractor"),
        "extractor_settings": audit.params.get("extractor_settings"),
        "features_seed": audit.params.get("seed", 0),
        "device": audit.params.get("device", "auto"),
    }
    return queue(ws, audit.dataset_id, RunKind.MAP, execute_map, params)


def execute_map(ws: Workspace, run: RunRecord, progress: Progress) -> None:
    """Lay out the samples of an audit and store their places; the worker calls this."""
    start, params = time.perf_counter(), run.params
    data = load_stored(ws, run.dataset_id, part(progress, 0.0, 0.08))
    shared = valuators.Shared(
        params["extractor"], params["extractor_settings"], cache=ws.feature_cache
    )
    made = shared.features(
        data,
        seed=params["features_seed"],
        device=resolve_device(params["device"]),
        progress=part(progress, 0.08, 0.2),
    )
    method = MapMethod(params["method"])
    places = lay_out(made.matrix, method, seed=params["seed"], progress=part(progress, 0.2, 0.98))
    progress(0.98, "Saving")
    ws.save_findings(
        run.id,
        samples=pd.DataFrame({"id": list(data.ids)}),
        tables={},
        summary={
            "method": method.value,
            "audit": params["audit"],
            "samples": len(data),
            "seed": params["seed"],
            "seconds": round(time.perf_counter() - start, 3),
        },
        neighbours={},
        arrays={PLACES: places},
    )


def lay_out(
    matrix: NDArray[np.floating], method: MapMethod, *, seed: int, progress: Progress
) -> NDArray[np.uint16]:
    """Return (n, 2) places of the rows of a (n, d) matrix, see findings.on_grid.

    t-SNE (van der Maaten and Hinton 2008) and UMAP (McInnes, Healy and Melville 2018) start from
    the first two of the principal components they see, which keeps what is far apart far apart
    (Kobak and Linderman 2021).
    """
    progress(0.0, "Principal components")
    if method is MapMethod.PCA:
        return findings.on_grid(findings.principal_components(matrix, 2, seed))
    reduced = findings.principal_components(matrix, COMPONENTS, seed)
    reduced = reduced[:, : min(COMPONENTS, matrix.shape[1])]
    if method is MapMethod.TSNE:
        return findings.on_grid(_tsne(reduced, seed, progress))
    return findings.on_grid(_umap(reduced, seed, progress))


def _start(reduced: NDArray[np.float32], spread: float) -> NDArray[np.float32]:
    """Return (n, 2) the first two components, the first one with this standard deviation."""
    first = np.zeros((len(reduced), 2), dtype=np.float32)
    first[:, : reduced.shape[1]] = reduced[:, :2]
    return first / max(float(first[:, 0].std()), 1e-12) * np.float32(spread)


class _Told(io.TextIOBase):
    """Takes what a library prints while it works, and reports the number that a pattern finds in it
    as a share of `whole`: neither t-SNE nor UMAP calls back."""

    def __init__(self, pattern: str, whole: float, progress: Progress, stage: str) -> None:
        self._pattern, self._whole = re.compile(pattern), whole
        self._progress, self._stage = progress, stage

    def write(self, text: str) -> int:
        for found in self._pattern.finditer(text):
            self._progress(min(int(found[1]) / self._whole, 1.0), self._stage)
        return len(text)


def _tsne(reduced: NDArray[np.float32], seed: int, progress: Progress) -> NDArray[Any]:
    stage = "t-SNE: moving points together"
    progress(0.1, stage)
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(reduced) - 1) / 3)
    maker = TSNE(
        2, perplexity=perplexity, init=_start(reduced, 1e-4), learning_rate="auto",
        random_state=seed, max_iter=ITERATIONS, verbose=2,
    )  # fmt: skip
    told = _Told(r"\[t-SNE\] Iteration (\d+):", ITERATIONS, part(progress, 0.1, 1.0), stage)
    with contextlib.redirect_stdout(told):
        return np.asarray(maker.fit_transform(reduced))


def _umap(reduced: NDArray[np.float32], seed: int, progress: Progress) -> NDArray[Any]:
    progress(0.1, "UMAP: preparing, which takes about 15 s the first time")
    with warnings.catch_warnings():
        # It warns that its neural variant, not used here, would need Tensorflow.
        warnings.simplefilter("ignore", ImportWarning)
        from umap import UMAP
    stage = "UMAP: moving points together"
    progress(0.2, stage)
    told = _Told(r"(\d+) %", 100, part(progress, 0.2, 1.0), stage)
    maker = UMAP(
        n_neighbors=min(NEIGHBOURS, len(reduced) - 1), min_dist=MIN_DIST,
        init=_start(reduced, 10.0), random_state=seed, n_jobs=1,
        tqdm_kwds={"disable": False, "file": told, "bar_format": "{percentage:.0f} %"},
    )  # fmt: skip
    return np.asarray(maker.fit_transform(reduced))


def _has_plane(ws: Workspace, audit_id: str) -> bool:
    try:
        ws.run_array(audit_id, PLANE)
    except NotFoundError:
        return False
    return True
