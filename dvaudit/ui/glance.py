"""A first look at a file before it is imported: only names and the first rows are read."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import streamlit as st
from PIL import Image

from dvaudit import readers
from dvaudit.core.dataset import Kind, Role, Task
from dvaudit.core.errors import UnreadableInputError
from dvaudit.core.machine import size_text
from dvaudit.core.pictures import open_image
from dvaudit.readers import Preview, image_data
from dvaudit.readers.raw import as_text
from dvaudit.ui.words import count, plain

PICTURES = 10
PICTURE_SIDE = 96  # pixels on screen
MOST_CLASSES = 8
_KINDS = {Kind.IMAGE: "image", Kind.TABULAR: "row", Kind.VECTOR: "vector"}


def preview_of(
    path: Path, roles: Mapping[str, str] | None = None, task: Task | None = None
) -> Preview:
    """Return the preview of a file or folder with these roles; read again when it changes.

    Raises:
        DvauditError: it cannot be read, or not with these roles.
    """
    return _preview(str(path), _stamp(path), tuple((roles or {}).items()), task)


def _stamp(path: Path) -> tuple[int, int] | None:
    if not path.exists():
        return None
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@st.cache_resource(max_entries=16, show_spinner="Looking into the file")
def _preview(
    path: str,
    stamp: tuple[int, int] | None,
    roles: tuple[tuple[str, str], ...],
    task: Task | None,
) -> Preview:
    return readers.preview(Path(path), roles=dict(roles), task=task)


def summary(path: Path, preview: Preview) -> None:
    """Say in one line what the file is."""
    facts = [preview.format.replace("-", " "), count(preview.rows, _KINDS[preview.kind])]
    if preview.classes:
        facts.append(count(len(preview.classes), "class", "classes"))
    if path.is_file():
        facts.append(size_text(path.stat().st_size))
    st.markdown(f"## {plain(path.name)}")
    st.caption(" · ".join(facts))


def contents(path: Path, preview: Preview) -> None:
    """Show a few pictures or the first rows, and the largest classes."""
    label = next((column.name for column in preview.columns if column.role is Role.LABEL), None)
    pictures = []
    if preview.kind is Kind.IMAGE:
        pictures = _pictures(str(path), preview.format, _stamp(path), label)
    if pictures:
        with st.container(horizontal=True, gap="small"):
            for name, picture in pictures:
                st.image(picture, caption=plain(name), alt=f"Picture: {name}", width=PICTURE_SIDE)
    elif len(preview.head.columns):
        st.dataframe(preview.head, height=215, hide_index=True)
    if preview.classes:
        leading = sorted(preview.classes.items(), key=lambda item: -item[1])[:MOST_CLASSES]
        listed = ", ".join(f"{plain(name)} ({number:,})" for name, number in leading)
        rest = len(preview.classes) - len(leading)
        st.caption(f"Classes: {listed}" + (f" and {rest:,} more" if rest else ""))


def remarks(preview: Preview) -> None:
    """List what was noticed, and what will be left out."""
    for note in preview.notes:
        st.caption(plain(note))
    if preview.unreadable:
        with st.expander(f"{count(len(preview.unreadable), 'item')} will be left out"):
            st.dataframe(
                {
                    "Name": [item.name for item in preview.unreadable],
                    "Reason": [item.reason for item in preview.unreadable],
                },
                hide_index=True,
            )


@st.cache_resource(max_entries=8, show_spinner=False)
def _pictures(
    path: str, format: str, stamp: tuple[int, int] | None, label: str | None
) -> list[tuple[str, Image.Image]]:
    """Return a few pictures spread over the file, small, with their label or file name.

    Args:
        label: the column of labels.csv that holds the labels.
    """
    if format not in ("image-zip", "image-folder"):
        return []
    files = image_data.list_files(Path(path), format)
    source, total = files.source(), len(files.images)
    chosen = sorted({total * step // PICTURES for step in range(PICTURES)})
    found: list[tuple[str, Image.Image]] = []
    for position in chosen:
        try:
            picture = open_image(source.read(position))
        except UnreadableInputError:
            continue  # the import lists every picture that cannot be read, with the reason
        picture.thumbnail((2 * PICTURE_SIDE, 2 * PICTURE_SIDE))
        file = io.BytesIO()
        picture.convert("RGB").save(file, "PNG")
        found.append((_caption(files, position, label), Image.open(file)))
    return found


def _caption(files: image_data.Files, position: int, label: str | None) -> str:
    if files.classes:
        return files.classes[position]
    if files.table is None or label is None:
        return Path(files.images[position].name).name
    column = files.table.columns[label]
    code = int(column.codes[files.rows[position]])
    return as_text(column.values[code]) if code >= 0 else "no label"
