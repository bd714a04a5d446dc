"""Names of reviewers, as people type them and as they are stored; no Streamlit."""

from __future__ import annotations

LONGEST = 40
NOBODY = "no name"


def tidy(name: object) -> str:
    """Return a name given from outside in the form it is stored in; "" where it is none."""
    return " ".join(name.split())[:LONGEST].strip() if isinstance(name, str) else ""


def shown(name: str) -> str:
    """Return a reviewer's name for the screen, unescaped."""
    return name or NOBODY
