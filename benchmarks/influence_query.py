"""Time from a question about one sample to the ranked training samples that helped and hurt it.

Makes a finished audit of 50,000 samples with embeddings of 4,096 float32 numbers in a temporary
workspace, asks about trusted samples one after another, and prints the first call in a fresh
process with the embeddings dropped from the page cache, and the median and the slowest of 20
further ones, beside the bar of 1 s. What is timed is what the Influence page does: the product
with all embeddings, the two rankings, and the sums by class. The mean over all queries and the
order "least helped" are timed too; the page does each once per audit. A sample of one's own is
answered alike once its question has run. The whole of that run, from the file to the stored
answer, is timed in a fresh process that has imported what it takes, after runs of dvemb that are
really made, on pictures of random noise and on a table; and once more with the feature cache
emptied, where all samples of the audit are described again.

    python benchmarks/influence_query.py [--samples 50000] [--size 4096] [--queries 2000]
        [--own 50000]
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from dvaudit import audits, jobs, readers, valuators, warming  # noqa: E402
from dvaudit.audits import questions  # noqa: E402
from dvaudit.store import RunKind, RunStatus, Workspace  # noqa: E402
from dvaudit.stored import load_stored, load_trusted  # noqa: E402

BAR, REPEATS, CLASSES, SHOWN = 1.0, 20, 10, 12
OWN, SIDE = 5, 28  # samples of one's own, and pixels of a picture's side
TRUSTED, QUESTIONS = 200, 6
WORDS, TEXT = 5000, 12  # of the texts of a table: different words, and words of a text


def store_run(ws: Workspace, folder: Path, samples: int, size: int, queries: int) -> str:
    """Store an audit of `samples` labelled vectors with random embeddings; return its id."""
    rng = np.random.default_rng(0)
    labels = rng.integers(CLASSES, size=samples)
    path = folder / "points.csv"
    frame = {"label": [f"class {code}" for code in labels], "x": rng.standard_normal(samples)}
    pd.DataFrame(frame).to_csv(path, index=False)
    roles = {"label": "label", "x": "numeric"}
    dataset = ws.add_dataset("points", path, copy=False, roles=roles, task=None)
    data = readers.load(path, roles=roles)
    ws.finish_dataset(dataset, data)
    run = ws.add_run(dataset, RunKind.AUDIT, {"function": "none:none", "trusted": None})
    assert ws.queue.claim_one(run)
    begun = ws.queue.begin(run, pid=None)
    assert begun is not None
    ws.save_findings(
        run,
        samples=pd.DataFrame({"id": data.ids, "given_label": data.label_text()}),
        tables={},
        summary={},
        neighbours={},
        arrays={
            "dvemb-embeddings": rng.standard_normal((samples, size), dtype=np.float32),
            "dvemb-query_embeddings": rng.standard_normal((queries, size), dtype=np.float32),
            "dvemb-query_rows": np.arange(queries),
        },
    )
    assert ws.queue.finish(run, begun.attempt, RunStatus.DONE, None)
    return run


def store_question(ws: Workspace, audit: str, size: int) -> str:
    """Store a question about OWN samples with random gradients; return its id."""
    params = {"function": "none:none", "audit": audit, "file": "own.csv", "label": None}
    run = ws.add_run(ws.run(audit).dataset_id, RunKind.QUERY, params)
    vectors = np.random.default_rng(1).standard_normal((1, OWN, size), dtype=np.float32)
    samples = pd.DataFrame({"id": range(OWN), "label": "class 0"})
    ws.save_findings(run, samples, {}, {}, {}, {"vectors": vectors})
    return run


def noise(draws: np.random.Generator) -> bytes:
    """Return a picture of random noise as PNG."""
    file = io.BytesIO()
    pixels = draws.integers(0, 255, (SIDE, SIDE), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def picture_files(folder: Path, samples: int) -> tuple[Path, Path, Path]:
    """Write pictures of noise: a data set, a trusted set, and one of one's own."""
    draws = np.random.default_rng(0)
    for name, count in (("data", samples), ("trusted", TRUSTED)):
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            for number in range(count):
                archive.writestr(f"class {number % CLASSES}/{number}.png", noise(draws))
    (folder / "own.png").write_bytes(noise(draws))
    return folder / "data.zip", folder / "trusted.zip", folder / "own.png"


def table_files(folder: Path, samples: int) -> tuple[Path, Path, Path]:
    """Write tables of numbers, categories, dates and texts, as `picture_files` does."""
    draws = np.random.default_rng(0)
    paths = []
    for name, rows in (("data", samples), ("trusted", TRUSTED), ("own", 1)):
        words = draws.integers(WORDS, size=(rows, TEXT))
        days = pd.Timestamp("2020-01-01") + pd.to_timedelta(draws.integers(0, 900, rows), "D")
        columns = {f"number {at}": draws.standard_normal(rows) for at in range(6)}
        columns |= {f"kind {at}": draws.integers(20, size=rows).astype(str) for at in range(4)}
        columns |= {"day": days, "text": [" ".join(f"w{word}" for word in row) for row in words]}
        columns |= {"label": [f"class {code}" for code in draws.integers(CLASSES, size=rows)]}
        paths.append(folder / f"{name}.csv")
        pd.DataFrame(columns).to_csv(paths[-1], index=False)
    return paths[0], paths[1], paths[2]


def store_audit(ws: Workspace, files: Sequence[Path], what: str) -> str:
    """Import data and trusted set, and run dvemb for one epoch; return the audit's id.

    Findings, which a question does not read, are left out: at 50,000 samples they take longest.
    """
    roles = None
    if files[0].suffix == ".csv":
        roles = {f"number {at}": "numeric" for at in range(6)}
        roles |= {f"kind {at}": "categorical" for at in range(4)}
        roles |= {"day": "date", "text": "text", "label": "label"}
    imported = []
    for path in files[:2]:
        imports = audits.start_import(ws, path, name=path.stem, copy=False, roles=roles)
        jobs.work_here(ws, imports)
        imported.append(ws.run(imports).dataset_id)
    params = {"function": "none:none", "trusted": imported[1], "valuators": ["dvemb"]}
    params |= {"extractor": None, "extractor_settings": {}, "seed": 0}
    run = ws.add_run(imported[0], RunKind.AUDIT, params)
    assert ws.queue.claim_one(run)
    begun = ws.queue.begin(run, pid=None)
    assert begun is not None
    data = load_stored(ws, imported[0])
    trusted = load_trusted(ws, imported[1], data)
    method = valuators.get("dvemb", {"epochs": 1, "batch": 512, "projection": 256})
    shared = valuators.Shared(cache=ws.feature_cache)
    start = time.perf_counter()
    result = method.value(data, trusted=trusted, shared=shared)
    print(f"{what}: features and a run of dvemb {time.perf_counter() - start:.1f} s", flush=True)
    ws.save_findings(
        run,
        samples=pd.DataFrame({"id": data.ids, "given_label": data.label_text()}),
        tables={},
        summary={"record": {"valuators": {"dvemb": {"status": result.status, **result.stats}}}},
        neighbours={},
        arrays={f"dvemb-{name}": array for name, array in result.arrays.items()},
    )
    assert ws.queue.finish(run, begun.attempt, RunStatus.DONE, None)
    return run


def measure_question(home: Path, audit: str, own: Path, what: str) -> None:
    """Print the times of questions about one sample, in a process that has loaded what it takes."""
    warming.load_for_questions()
    with Workspace(home) as ws:
        times = []
        for _ in range(QUESTIONS):
            asked = questions.ask(ws, audit, own, label="class 0")
            times.append(timed(lambda asked=asked: jobs.work_here(ws, asked)))
            notes = ws.run_summary(asked)["notes"]
            assert not any("from the start" in note for note in notes), notes
        for path in ws.feature_cache.iterdir():
            path.unlink()
        again = questions.ask(ws, audit, own, label="class 0")
        slow = timed(lambda: jobs.work_here(ws, again))
        known, found = ws.run_array(asked, "vectors"), ws.run_array(again, "vectors")
        gap = float(np.linalg.norm(found - known) / np.linalg.norm(known))
    print(f"{what}: first question            {times[0]:.2f} s")
    print(
        f"{what}: median of {QUESTIONS - 1} further ones     {statistics.median(times[1:]):.3f} s"
    )
    print(f"{what}: cache emptied, so all data {slow:.2f} s, {gap:.1e} apart")


def answer(ws: Workspace, run: str, query: int, labels: pd.Series) -> None:
    """Do what the page does for one query."""
    influence = audits.influence_on(ws, run, query)
    audits.most_influential(influence, SHOWN)
    audits.influence_by_class(labels, influence)


def answer_own(ws: Workspace, question: str, row: int, labels: pd.Series) -> None:
    """Do what the page does for one sample of one's own."""
    influence = questions.influence_of_question(ws, question, [row])
    audits.most_influential(influence, SHOWN)
    audits.influence_by_class(labels, influence)


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def forget(folder: Path) -> None:
    """Drop the arrays below `folder` from the page cache, where the system allows it."""
    for path in folder.rglob("*.npy"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(home: Path, run: str, question: str) -> None:
    """Print the times of a process that has not read the run yet."""
    with Workspace(home) as ws:
        forget(home / "runs" / run)
        labels = ws.run_samples(run)["given_label"]
        listing = timed(lambda: audits.queries_of(ws, run))
        cold = timed(lambda: answer(ws, run, 0, labels))
        warm = [timed(lambda at=at: answer(ws, run, at, labels)) for at in range(1, REPEATS + 1)]
        queries = len(audits.queries_of(ws, run))
        mean = timed(lambda: audits.mean_influence(ws, run, np.arange(queries)))
        net = timed(lambda: audits.net_influence(ws, run))
        own = [timed(lambda at=at: answer_own(ws, question, at, labels)) for at in range(OWN)]
    print(f"bar                               {BAR:.2f} s")
    print(f"first query, embeddings on disk   {cold:.2f} s")
    print(f"median of {REPEATS} further queries     {statistics.median(warm):.3f} s")
    print(f"slowest of them                   {max(warm):.3f} s")
    print(f"mean over all {queries:,} queries      {mean:.3f} s")
    print(f"slowest of {OWN} samples of one's own  {max(own):.3f} s, their question having run")
    print(f"list of queries, once             {listing:.3f} s")
    print(f"order by net influence, once      {net:.3f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--folder", type=Path, help="where the workspace is made, 0.9 GB")
    parser.add_argument("--own", type=int, help="samples of the audits asked, 0 for none")
    parser.add_argument("--stored", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--asked", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.stored:
        measure(Path(asked.stored[0]), *asked.stored[1:])
        return
    if asked.asked:
        home, audit, own, what = asked.asked
        measure_question(Path(home), audit, Path(own), what)
        return
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, numpy {np.__version__}; "
        f"{asked.samples:,} x {asked.size:,} float32 "
        f"({4e-9 * asked.samples * asked.size:.2f} GB), {asked.queries:,} queries",
        flush=True,
    )
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        home = Path(folder) / "home"
        with Workspace(home) as ws:
            run = store_run(ws, Path(folder), asked.samples, asked.size, asked.queries)
            own = store_question(ws, run, asked.size)
        subprocess.run([sys.executable, __file__, "--stored", str(home), run, own], check=True)
    samples = asked.samples if asked.own is None else asked.own
    kinds = {"a picture": picture_files, "a row   ": table_files} if samples else {}
    for what, write in kinds.items():
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            home, files = Path(folder) / "home", write(Path(folder), samples)
            with Workspace(home) as ws:
                audit = store_audit(ws, files, what)
            told = [str(home), audit, str(files[2]), what]
            subprocess.run([sys.executable, __file__, "--asked", *told], check=True)


if __name__ == "__main__":
    main()
