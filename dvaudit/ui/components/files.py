"""Reading a component's JavaScript and CSS from the folder it lives in."""

from __future__ import annotations

from pathlib import Path


def source(python_file: str, name: str) -> str:
    """Return the text of `name` beside `python_file`, where the component is declared.

    Streamlit takes a string with a line break inside for content, any other for a path.
    """
    return (Path(python_file).parent / name).read_text(encoding="utf-8") + "\n"
