"""Loading what the screens import before the first visitor asks for one."""

from __future__ import annotations

import pkgutil
from importlib import import_module


def load_screens() -> None:
    """Import every module of the screens, and draw one empty chart, which loads its schema.

    Two seconds that would otherwise be those of the first page of a fresh server. Components
    register with the running server when they are imported, so this must not run before it does.
    """
    import dvaudit.ui

    for module in pkgutil.walk_packages(dvaudit.ui.__path__, "dvaudit.ui."):
        import_module(module.name)
    from plotly import graph_objects

    graph_objects.Figure(graph_objects.Bar(x=[0], y=[0])).to_json()
