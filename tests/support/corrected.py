"""Decisions in short, and what is in a file, for tests of corrected copies."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from dvaudit.core.decisions import Decision, Verdict


def decide(**verdicts: str) -> dict[str, Decision]:
    """decide(**{"id": "drop" or "keep" or "unsure" or "=new label"})."""
    return {
        name: Decision(name, Verdict.RELABEL, what[1:])
        if what.startswith("=")
        else Decision(name, Verdict(what))
        for name, what in verdicts.items()
    }


def digest(path: Path) -> str:
    """Return what no two different files share."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def contents(path: Path) -> dict[str, bytes]:
    """Return the members of an archive by name."""
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}
