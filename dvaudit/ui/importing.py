"""Adding a dataset: choose a file, see what is in it, say what the columns are, import."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dvaudit import audits
from dvaudit.core.dataset import Role, Task
from dvaudit.core.errors import DvauditError, NotFoundError
from dvaudit.readers import Preview
from dvaudit.server import uploads
from dvaudit.store import DatasetRecord, DatasetStatus, RunKind, Workspace
from dvaudit.ui import glance
from dvaudit.ui.column_roles import choose_roles
from dvaudit.ui.components.upload import upload
from dvaudit.ui.session import refusals_shown, select
from dvaudit.ui.words import count, plain

# Offered by the file dialogue; what a file is, is decided by its content when it is read.
SUFFIXES = (".zip", ".csv", ".tsv", ".parquet", ".xlsx", ".jsonl", ".ndjson", ".json", ".npz")
HINT = (
    "Zip of images (one folder per class, or with labels.csv), CSV, Parquet, Excel, JSON lines, "
    "npz."
)
_SOURCES = ("upload", "path", "again")  # what the form is about, in the address of the page
UPLOAD, SERVER = "Upload a file", "Use a file on this machine"
_TASKS = {
    Task.CLASSIFICATION: "Classes",
    Task.REGRESSION: "Numbers",
    Task.UNSUPERVISED: "No labels",
}


_STEPS = (
    (":material/database:", "Add data", "Images in a zip or folder, or a table of rows."),
    (":material/troubleshoot:", "Audit", "Each label is checked against all other samples."),
    (":material/rate_review:", "Review", "Keep, relabel or drop, one key for each."),
    (":material/download:", "Export", "The corrected data in its own format, and a report."),
)


def introduction() -> None:
    """Say in four steps what happens, to somebody who has no dataset yet."""
    with st.grid(4, gap="small", border=True):
        for icon, step, text in _STEPS:
            with st.container(gap="xsmall", height="stretch"):
                st.markdown(f"{icon} **{step}**")
                st.caption(text)


def adding() -> bool:
    """True when the person is about to add a dataset; kept in the address of the page."""
    return "add" in st.query_params


def begin() -> None:
    """Show the page's form for a new dataset."""
    st.query_params["add"] = "1"


def leave() -> None:
    """Put the form away and forget the chosen file."""
    for key in ("add", *_SOURCES):
        st.query_params.pop(key, None)


def set_up_again(dataset: DatasetRecord) -> None:
    """Show the form for a dataset whose import failed, with what was set before."""
    begin()
    st.query_params["again"] = dataset.id


def add_dataset(ws: Workspace) -> None:
    """Draw the form: the choice of a file, or its preview and roles once it is chosen."""
    with st.container(border=True):
        failed = _failed(ws)
        path = failed.source if failed else _chosen(ws)
        if path is None:
            _choose(ws)
        else:
            _describe(ws, path, failed)


def _choose(ws: Workspace) -> None:
    way = st.segmented_control(
        "Where is the data?",
        [UPLOAD, SERVER],
        default=UPLOAD,
        required=True,
        key="import_way",
        label_visibility="collapsed",
    )
    if way == UPLOAD:
        done = upload(key="import_upload", suffixes=SUFFIXES, hint=HINT)
        if done is not None:
            st.query_params["upload"] = done.upload
            st.rerun()
        return
    with st.form("import_path", border=False):
        typed = st.text_input(
            "Path of a file or folder",
            placeholder="/data/photos.zip",
            help="A folder is read in place. Formats: " + HINT,
        )
        if st.form_submit_button("Continue", type="primary"):
            if typed.strip():
                st.query_params["path"] = str(Path(typed.strip()).expanduser().absolute())
                st.rerun()
            st.error("Enter the path of a file or folder.", icon=":material/error:")


def _failed(ws: Workspace) -> DatasetRecord | None:
    """Return the dataset that the address wants to set up again; None where it cannot be."""
    wanted = st.query_params.get("again")
    found = [record for record in ws.datasets() if record.id == wanted]
    if found and found[0].status is DatasetStatus.FAILED:
        return found[0]
    st.query_params.pop("again", None)
    return None


def _chosen(ws: Workspace) -> Path | None:
    """Return the file that the address names; forget an upload that is gone."""
    if reference := st.query_params.get("upload"):
        try:
            return uploads.resolve(ws.uploads, reference)
        except NotFoundError as gone:
            st.query_params.pop("upload")
            st.warning(plain(str(gone)), icon=":material/warning:")
    path = st.query_params.get("path")
    return Path(path) if path else None


def _describe(ws: Workspace, path: Path, failed: DatasetRecord | None) -> None:
    try:
        preview = _first_preview(path, failed)
    except DvauditError as refusal:
        st.error(plain(str(refusal)), icon=":material/error:")
        st.button("Choose another file", on_click=_choose_again, icon=":material/arrow_back:")
        return
    head = st.container(gap="xsmall")
    form, look = st.columns([2, 3], gap="large")
    with form:
        name = st.text_input(
            "Name", failed.name if failed else path.stem, key=f"import_name_{path}"
        )
        task = _task(preview, path)
        copy = failed.copied if failed else _copy(path)
        actions = st.container(horizontal=True)
        complaints = st.container()
    roles, unused = choose_roles(preview, path, task)
    corrected, problems = _checked(path, preview, name, roles, task)
    if task is Task.UNSUPERVISED:
        _say_features(complaints, corrected, unused)
    with head:
        glance.summary(path, corrected)
    with look:
        glance.contents(path, corrected)
    glance.remarks(corrected)
    for problem in problems:
        complaints.error(plain(problem), icon=":material/error:")
    with actions:
        begun = st.button(
            "Import", type="primary", icon=":material/check:", disabled=bool(problems)
        )
        st.button("Choose another file", on_click=_choose_again)
    if begun and not problems:
        with complaints:
            _start(ws, path, failed, name=name, copy=copy, roles=roles, task=task)


def _say_features(place: DeltaGenerator, preview: Preview, columns: list[str]) -> None:
    """Say what becomes of the columns set as label where no labels are wanted."""
    for column in preview.columns:
        if column.name in columns:
            role = "ignored" if column.role is Role.IGNORED else f"a feature ({column.role})"
            place.caption(f"Without labels '{plain(column.name)}' is {role}.")


def _first_preview(path: Path, failed: DatasetRecord | None) -> Preview:
    """Return the preview the form begins with: as guessed, or as it was set before it failed."""
    if failed is not None:
        try:
            return glance.preview_of(path, failed.roles, failed.task)
        except DvauditError:
            pass  # these roles are what failed; without them the form can still be filled in
    return glance.preview_of(path)


def _checked(
    path: Path, preview: Preview, name: str, roles: dict[str, str], task: Task
) -> tuple[Preview, tuple[str, ...]]:
    """Return the preview with the person's roles and task, and what still keeps it from import."""
    problem = _problem(name, roles, task)
    try:
        corrected = glance.preview_of(path, roles, task)
    except DvauditError as refusal:
        return preview, (problem or str(refusal),)
    return corrected, (problem,) if problem else corrected.problems


def _choose_again() -> None:
    for key in _SOURCES:
        st.query_params.pop(key, None)


def _task(preview: Preview, path: Path) -> Task:
    chosen = st.segmented_control(
        "What the labels are",
        list(_TASKS),
        default=preview.task,
        format_func=_TASKS.__getitem__,
        required=True,
        key=f"import_task_{path}",
        help="Classes to choose from, numbers to predict, or nothing.",
    )
    return Task(chosen)


def _copy(path: Path) -> bool:
    if "upload" in st.query_params:
        return True
    return st.toggle(
        "Keep a copy in the workspace",
        value=path.is_file(),
        key=f"import_copy_{path}",
        help="Without a copy the file is read where it lies; it must stay there unchanged.",
    )


def _start(
    ws: Workspace,
    path: Path,
    failed: DatasetRecord | None,
    *,
    name: str,
    copy: bool,
    roles: dict[str, str],
    task: Task,
) -> None:
    with refusals_shown():
        if failed is not None:
            dataset = failed.id
            _import_again(ws, dataset, name=name.strip(), roles=roles, task=task)
        else:
            with st.spinner("Copying the file into the workspace" if copy else "Starting"):
                run_id = audits.start_import(
                    ws, path, name=name.strip(), copy=copy, roles=roles, task=task.value
                )
            dataset = ws.run(run_id).dataset_id
        leave()
        select(dataset)
        st.rerun()


def _import_again(
    ws: Workspace, dataset_id: str, *, name: str, roles: dict[str, str], task: Task
) -> None:
    ws.set_up_again(dataset_id, name=name, roles=roles, task=task.value)
    audits.resume(ws, ws.runs(dataset_id, RunKind.IMPORT)[0].id)


def _problem(name: str, roles: dict[str, str], task: Task) -> str | None:
    """Return what the form still lacks, None if nothing."""
    if not name.strip():
        return "Give the dataset a name."
    for single in (Role.LABEL, Role.ID, Role.GROUP, Role.TRUSTED, Role.PATH):
        holders = [column for column, role in roles.items() if role == single]
        if len(holders) > 1:
            return (
                f"{count(len(holders), 'column')} have the role {single}: "
                f"{', '.join(holders)}. Leave it to one."
            )
    if roles and task is not Task.UNSUPERVISED and Role.LABEL not in roles.values():
        return "Set the role of one column to label, or choose No labels."
    return None
