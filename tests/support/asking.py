"""Small audits by dvemb that are really made, and questions to them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dvaudit import audits, jobs
from dvaudit.audits import questions
from dvaudit.core.errors import DvauditError
from dvaudit.store import RunRecord, RunStatus, Workspace

CLASSES = ("hill", "vale")
FAST = {"dvemb": {"epochs": 2, "batch": 8, "projection": 64, "components": 12}}


@dataclass(frozen=True)
class Given:
    """A workspace with an audit, and files of samples that it may be asked about."""

    ws: Workspace
    audit: str
    folder: Path


def picture_of(code: int, rng: np.random.Generator) -> bytes:
    pixels = rng.integers(0, 120, (12, 12), dtype=np.uint8)
    pixels[6 * code : 6 * code + 6] += 100
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def pictures_of(each: int, seed: int) -> dict[str, bytes]:
    rng = np.random.default_rng(seed)
    return {
        f"{name}/{at:02d}.png": picture_of(code, rng)
        for code, name in enumerate(CLASSES)
        for at in range(each)
    }


def table_of(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    codes = np.arange(rows) % 2
    return pd.DataFrame(
        {
            "x": rng.normal(size=rows) + 2 * codes,
            "c": rng.choice(["a", "b", "c"], rows),
            "note": rng.choice(["one word", "two words here", "no"], rows),
            "height": 170 + 5 * codes + rng.normal(size=rows),
            "label": np.array(CLASSES)[codes],
        }
    )


def import_file(ws: Workspace, path: Path, **given: object) -> str:
    run = audits.start_import(ws, path, name=path.stem, **given)  # type: ignore[arg-type]
    jobs.work_here(ws, run)
    return ws.run(run).dataset_id


def run_audit(ws: Workspace, dataset: str, trusted: str | None = None, **more: object) -> str:
    settings = {"dvemb": {**FAST["dvemb"], **more}}
    run = audits.start_audit(ws, dataset, ["dvemb"], settings=settings, trusted=trusted)
    jobs.work_here(ws, run)
    assert ws.run(run).status is RunStatus.DONE, ws.run(run).error
    return run


ROLES = {"x": "numeric", "c": "categorical", "note": "text", "height": "numeric", "label": "label"}


@contextmanager
def audited_pictures(folder: Path) -> Iterator[Given]:
    """Pictures with a trusted set of pictures."""
    with Workspace(folder / "home") as ws:
        data = import_file(ws, write_zip(folder / "data.zip", pictures_of(15, 0)))
        trusted = import_file(ws, write_zip(folder / "clean.zip", pictures_of(4, 1)))
        yield Given(ws, run_audit(ws, data, trusted), folder)


@contextmanager
def audited_table(folder: Path) -> Iterator[Given]:
    """A table without a trusted set, valued in two halves."""
    with Workspace(folder / "home") as ws:
        table_of(41, 0).to_csv(folder / "data.csv", index=False)
        yield Given(ws, run_audit(ws, import_file(ws, folder / "data.csv", roles=ROLES)), folder)


@contextmanager
def audited_numbers(folder: Path) -> Iterator[Given]:
    """A table for regression with a trusted set."""
    with Workspace(folder / "home") as ws:
        table_of(40, 0).to_csv(folder / "data.csv", index=False)
        table_of(6, 1).to_csv(folder / "clean.csv", index=False)
        roles = {**ROLES, "height": "label", "label": "categorical"}
        both = [
            import_file(ws, folder / name, roles=roles, task="regression")
            for name in ("data.csv", "clean.csv")
        ]
        yield Given(ws, run_audit(ws, *both), folder)


def work_off(given: Given, run_id: str) -> RunRecord:
    jobs.work_here(given.ws, run_id)
    return given.ws.run(run_id)


def ask_about(given: Given, path: Path | None = None, **more: str) -> str:
    run = work_off(given, questions.ask(given.ws, given.audit, path, **more))
    assert run.status is RunStatus.DONE, run.error
    return run.id


def refusal_of(given: Given, path: Path, **more: str) -> str:
    asked = questions.ask(given.ws, given.audit, path, **more)
    with pytest.raises(DvauditError):
        jobs.work_here(given.ws, asked)
    run = given.ws.run(asked)
    assert run.status is RunStatus.FAILED
    assert run.error
    return run.error


def write_csv(given: Given, frame: pd.DataFrame, name: str = "own.csv") -> Path:
    frame.to_csv(given.folder / name, index=False)
    return given.folder / name
