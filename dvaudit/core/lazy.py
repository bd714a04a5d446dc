"""Lazy package exports (PEP 562): importing dvaudit loads neither torch nor scikit-learn."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping


def exports(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], object], list[str]]:
    """Return a package's `__getattr__` and `__all__`.

    `modules` maps each name to the module that holds it; a name mapped to its own subpackage,
    as in {"valuators": "dvaudit.valuators"}, stands for that subpackage.
    """

    def load(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(modules[name])
        return module if modules[name] == f"{package}.{name}" else getattr(module, name)

    return load, sorted(modules)
