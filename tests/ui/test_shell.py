"""The frame around the pages: selection in the address, empty states, nothing heavy loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from appview import (
    APP,
    add_audit,
    add_table,
    in_address,
    open_page,
    texts,
    write_table,
)

from dvaudit.store import RunStatus, Workspace
from dvaudit.ui import shell

PAGES = tuple(name for section in shell.PAGES.values() for name, *_ in section)
WITHOUT_DATA = ("home", "data", "methods")  # what they show without a dataset is their own


@pytest.mark.parametrize("page", [name for name in PAGES if name not in WITHOUT_DATA])
def test_without_data_every_page_leads_to_data(ws: Workspace, page: str) -> None:
    app = open_page(page)
    assert not app.exception
    assert "No dataset yet" in texts(app)
    assert [button.label for button in app.button] == ["Add a dataset"]


def test_every_page_has_one_place_in_the_navigation() -> None:
    files = {path.stem for path in (APP.parent / "pages").glob("*.py")}
    assert sorted(PAGES) == sorted(files)
    assert PAGES[0] == shell.START == "home"
    titles = [title for section in shell.PAGES.values() for _, title, _ in section]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("page", ["samples", "review", "export"])
def test_without_an_audit_results_lead_to_audit(ws: Workspace, tmp_path: Path, page: str) -> None:
    add_table(ws, tmp_path)
    app = open_page(page)
    assert not app.exception
    assert "No finished audit yet" in texts(app)
    assert "Go to Audit" in [button.label for button in app.button]


def test_a_running_audit_is_not_mistaken_for_a_finished_one(ws: Workspace, tmp_path: Path) -> None:
    add_audit(ws, add_table(ws, tmp_path), RunStatus.RUNNING)
    assert "still running" in texts(open_page("samples"))


def test_the_newest_dataset_and_its_newest_finished_audit_are_chosen(
    ws: Workspace, tmp_path: Path
) -> None:
    add_audit(ws, add_table(ws, tmp_path, "old"))
    new = add_table(ws, tmp_path, "new")
    done = add_audit(ws, new)
    add_audit(ws, new, RunStatus.FAILED, "no memory")
    app = open_page("data")
    assert in_address(app, "dataset") == new
    assert in_address(app, "run") == done
    assert app.title[0].value == "new"


def test_the_address_wins_and_is_not_trusted(ws: Workspace, tmp_path: Path) -> None:
    old = add_table(ws, tmp_path, "old")
    foreign = add_audit(ws, old)
    new = add_table(ws, tmp_path, "new")
    own = add_audit(ws, new)
    assert open_page("data", {"dataset": old}).title[0].value == "old"
    for nonsense in ("d9999", "../x", "r0001"):
        assert open_page("data", {"dataset": nonsense}).title[0].value == "new"
    mixed = open_page("data", {"dataset": new, "run": foreign})
    assert in_address(mixed, "run") == own


def test_what_the_address_asks_for_in_vain_is_said(ws: Workspace, tmp_path: Path) -> None:
    old = add_table(ws, tmp_path, "old")
    foreign = add_audit(ws, old)
    new = add_table(ws, tmp_path, "new")
    own = add_audit(ws, new)
    app = open_page("home", {"dataset": "d9999", "run": "r9999"})
    assert [warning.value for warning in app.warning] == [
        "d9999 is not in this workspace; showing new."
    ]
    app.run()
    assert app.warning, "the address is right by now, but the person may still be reading"
    app.switch_page("pages/audit.py").run()
    assert not app.warning
    app = open_page("home", {"dataset": new, "run": foreign})
    number = int(own[1:])
    assert app.warning[0].value == f"{foreign} is no audit of new; showing audit {number}."
    app.sidebar.selectbox(key="choose_dataset").select(old).run()
    assert not app.warning
    nonsense = "![x](http://evil.example/x.png)" * 9
    shown = open_page("home", {"dataset": nonsense}).warning[0].value
    assert "![x](" not in shown
    assert len(shown) < 150


@pytest.mark.parametrize("query", [{}, {"dataset": "d0001"}, {"dataset": "d0001", "run": "r0001"}])
def test_an_address_that_is_right_is_not_remarked_on(
    ws: Workspace, tmp_path: Path, query: dict[str, str]
) -> None:
    add_audit(ws, add_table(ws, tmp_path))
    assert not open_page("data", query).warning


def test_removing_a_dataset_is_not_taken_for_a_stale_address(ws: Workspace, tmp_path: Path) -> None:
    add_table(ws, tmp_path, "kept")
    add_table(ws, tmp_path, "gone")
    app = open_page("data")
    next(button for button in app.button if button.label == "Remove this dataset").click().run()
    assert not app.warning


def test_sidebar_texts_are_short_and_their_help_is_whole(ws: Workspace, tmp_path: Path) -> None:
    name = "a name that is far too long for the sidebar of the app"
    run = add_audit(ws, add_table(ws, tmp_path, name))
    app = open_page("data")
    box = app.sidebar.selectbox(key="choose_run")
    assert box.options == [f"Audit {int(run[1:])}, just now"]
    assert "kernel" in box.help
    assert app.sidebar.selectbox(key="choose_dataset").help == f"{name} \\(30\\)"


def test_choosing_in_the_sidebar_changes_page_and_address(ws: Workspace, tmp_path: Path) -> None:
    old = add_table(ws, tmp_path, "old")
    first = add_audit(ws, old)
    add_audit(ws, old)
    new = add_table(ws, tmp_path, "new")
    app = open_page("data")
    assert app.sidebar.selectbox(key="choose_dataset").value == new
    app.sidebar.selectbox(key="choose_dataset").select(old).run()
    assert app.title[0].value == "old"
    assert in_address(app, "dataset") == old
    app.sidebar.selectbox(key="choose_run").select(first).run()
    assert in_address(app, "run") == first
    app.switch_page("pages/audit.py").run()
    assert in_address(app, "run") == first


def test_names_are_shown_as_written(ws: Workspace, tmp_path: Path) -> None:
    name = "![x](http://evil.example/x.png) :red[a]"
    dataset = add_table(ws, tmp_path)
    ws.delete_dataset(dataset)
    path = tmp_path / "trees.csv"
    ws.add_dataset(name, path, copy=False, roles={}, task=None)
    shown = texts(open_page("data"))
    assert "![x](" not in shown
    assert ":red[" not in shown


AUDIT = """
import sys
from pathlib import Path
from dvaudit import audits, jobs
ws = audits.workspace()
run = audits.start_import(ws, Path(sys.argv[1]), name="trees")
jobs.work_here(ws, run)
jobs.work_here(ws, audits.start_audit(ws, ws.run(run).dataset_id))
"""
VISIT = """
import sys
from appview import open_page
for page in sys.argv[1:]:
    app = open_page(page)
    assert app.title and not app.exception, (page, app.exception)
print([name for name in ("torch", "sklearn", "torchvision") if name in sys.modules])
"""


def test_no_page_loads_torch_or_sklearn_even_with_results(tmp_path: Path) -> None:
    path = write_table(tmp_path / "trees.csv")
    support = str(Path(__file__).resolve().parents[1] / "support")
    environment = {
        **os.environ,
        "DVAUDIT_HOME": str(tmp_path / "home"),
        "PYTHONPATH": os.pathsep.join([str(APP.parent), support]),
        "STREAMLIT_CLIENT_SHOW_ERROR_DETAILS": "full",
    }

    def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            cwd=APP.parent,
            env=environment,
            check=False,
        )

    audited = run(AUDIT, str(path))
    assert audited.returncode == 0, audited.stderr[-2000:]
    visited = run(VISIT, *PAGES)
    assert visited.stdout.strip().endswith("[]"), visited.stderr[-2000:]


def test_a_long_name_is_cut_in_the_middle_in_its_box(ws: Workspace, tmp_path: Path) -> None:
    name = "measurements of the northern station 2024"
    add_table(ws, tmp_path, name)
    box = open_page("audit").sidebar.selectbox(key="choose_dataset")
    assert box.options == ["measurem…on 2024 (30)"]
    assert name in box.help


def test_datasets_of_one_name_are_told_apart(ws: Workspace, tmp_path: Path) -> None:
    first, second = add_table(ws, tmp_path), add_table(ws, tmp_path)
    app = open_page("audit", {"dataset": first})
    assert app.sidebar.selectbox(key="choose_dataset").options == ["trees (30) #2", "trees (30) #1"]
    app.sidebar.selectbox(key="choose_dataset").select(second).run()
    assert in_address(app, "dataset") == second
