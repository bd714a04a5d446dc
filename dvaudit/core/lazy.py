"""Lazy package exports (PEP 562): importing dvaudit loads neither torch nor scikit-learn."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping


def exports(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], object], list[str]]:
    """Return a package's `__getattr__` and `__all__`; `modules` maps each name to its module."""

    def load(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(modules[name]), name)

    return load, sorted(modules)
