"""The app in this process, over a workspace of its own, without a browser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from dvaudit import readers
from dvaudit.server.opened import workspace
from dvaudit.store import RunKind, RunStatus, Workspace

APP = Path(__file__).resolve().parents[2] / "app.py"


@contextmanager
def fresh_workspace(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A new workspace below `folder`, which the app opens in place of the person's own."""
    monkeypatch.setattr(PagesManager, "__init__", _manager_without_pages_directory)
    with Workspace(folder / "home") as ws:
        monkeypatch.setattr("dvaudit.audits.workspace", lambda: ws)
        workspace.cache_clear()
        yield ws
        workspace.cache_clear()


_init = PagesManager.__init__


def _manager_without_pages_directory(self: PagesManager, *args: Any, **kwargs: Any) -> None:
    """AppTest clears at each run what app.py sets once; a page would then run without the shell."""
    PagesManager.uses_pages_directory = False
    _init(self, *args, **kwargs)


def open_page(
    name: str, query: Mapping[str, str] | None = None, *, answered: bool = True
) -> AppTest:
    """Open pages/NAME.py through app.py, as the navigation does, and run it.

    Args:
        answered: the browser has said that it keeps no reviewer's name.
    """
    app = AppTest.from_file(str(APP), default_timeout=20)
    app.session_state["reviewer_answered"] = answered
    for key, value in (query or {}).items():
        app.query_params[key] = value
    app.run()
    return app if name == "home" else app.switch_page(f"pages/{name}.py").run()


def texts(app: AppTest) -> str:
    """Everything a person reads on the page, in one string."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "text", "error", "warning")
    return "\n".join(str(item.value) for kind in kinds for item in getattr(app, kind))


def figures(app: AppTest) -> dict[str, str]:
    """Return the shown figures by their labels."""
    return {metric.label: metric.value for metric in app.metric}


def button(app: AppTest, label: str) -> Button:
    """Return the first button of a label."""
    return next(each for each in app.button if each.label == label)


def labels(app: AppTest) -> list[str]:
    """Return the labels of all buttons."""
    return [each.label for each in app.button]


def in_address(app: AppTest, key: str) -> str | None:
    """The value of a query parameter; AppTest gives a text or a list, depending on who set it."""
    value = app.query_params.get(key)
    return value[0] if isinstance(value, list) else value


def write_table(path: Path, rows: int = 30, **more: object) -> Path:
    """A CSV with two numeric columns and the label `kind` of two classes; every row differs."""
    frame = pd.DataFrame(
        {
            "width": [0.5 + 0.25 * i for i in range(rows)],
            "height": [100.0 - 3 * i for i in range(rows)],
            "kind": ["oak" if i % 3 else "elm" for i in range(rows)],
            **more,
        }
    )
    frame.to_csv(path, index=False)
    return path


def add_table(ws: Workspace, folder: Path, name: str = "trees", rows: int = 30) -> str:
    """Import a small table at once; return the dataset's id."""
    path = write_table(folder / f"{name}.csv", rows)
    dataset = ws.add_dataset(name, path, copy=True, roles={}, task=None)
    ws.finish_dataset(dataset, readers.load(ws.dataset(dataset).source, name=name))
    return dataset


def add_audit(
    ws: Workspace, dataset: str, status: RunStatus = RunStatus.DONE, error: str | None = None
) -> str:
    """Store an audit in this status without having run one; return the run's id."""
    params = {"valuators": ["kernel-loo"], "settings": {}, "extractor": None, "seed": 0}
    run = ws.add_run(dataset, RunKind.AUDIT, {"function": "none:none", **params})
    if status is RunStatus.QUEUED:
        return run
    assert ws.queue.claim_one(run)
    begun = ws.queue.begin(run, pid=None)
    assert begun is not None
    ws.queue.report(run, 0.4, "kernel-loo: factorising", 130.0)
    if status is RunStatus.DONE:
        unknown = {"rate": None, "low": None, "high": None, "how": "made up"}
        found = findings_of(ws, dataset)
        summary = {"error_rate": unknown, "labelled": int(found["given_label"].notna().sum())}
        ws.save_findings(run, found, {}, summary, {})
    if status is not RunStatus.RUNNING:
        assert ws.queue.finish(run, begun.attempt, status, error)
    return run


def findings_of(ws: Workspace, dataset: str) -> pd.DataFrame:
    """A table of findings that flags the first three samples."""
    samples = ws.samples(dataset)
    n = len(samples)
    return pd.DataFrame(
        {
            "id": samples["id"],
            "given_label": samples["label"],
            "suspicion_rank": pd.array(range(1, n + 1), dtype="Int64"),
            "flagged": [i < 3 for i in range(n)],
            "suggested_label": ["oak" if i < 3 else None for i in range(n)],
            "margin": [0.5 - 0.1 * i for i in range(n)],
            "reason": ["" for _ in range(n)],
            "duplicate_group": pd.array([None] * n, dtype="Int64"),
            "duplicate_conflict": [False] * n,
            "outlier": [False] * n,
            "outlier_score": [0.0] * n,
            "kernel-loo.value": [0.1 * i - 0.5 for i in range(n)],
            "kernel-loo.flagged": [i < 3 for i in range(n)],
        }
    )
