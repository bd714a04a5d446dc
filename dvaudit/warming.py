"""Use case of a question to come: a worker that has loaded what it takes, before it is asked."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from dvaudit import jobs
from dvaudit.store import RunKind, Workspace

_PACKAGES = ("dvaudit.features", "dvaudit.models", "dvaudit.readers")
_MODULES = (
    *("dvaudit.answering", "dvaudit.valuators.dvemb_question"),
    *("pyarrow.parquet", "pyarrow.pandas_compat"),
)


def expect_question(ws: Workspace) -> None:
    """Say that a question is likely to be asked soon; cheap enough for every view of its form."""
    jobs.expect(ws, RunKind.QUERY, load_for_questions)


def load_for_questions() -> None:
    """Import what answers questions, and do a little with it; the waiting worker calls.

    Libraries that a question needs only now and then, such as torchvision, are left to it.
    """
    for name in _MODULES:
        import_module(name)
    for package in _PACKAGES:
        for module in pkgutil.iter_modules(import_module(package).__path__, f"{package}."):
            import_module(module.name)
    _first_encoding()
    _first_gradient()


def _first_encoding() -> None:
    """Let scikit-learn import what it needs for its first table."""
    import pandas as pd
    from sklearn.preprocessing import OneHotEncoder

    OneHotEncoder().fit_transform(pd.DataFrame({"column": ["a", "b"]}))


def _first_gradient() -> None:
    """Let torch start its threads and set up its device, which its first gradient waits for."""
    import torch

    from dvaudit.core.device import resolve_device

    device = resolve_device("auto")
    net = torch.nn.Linear(4, 2, device=device)
    loss = torch.nn.functional.cross_entropy(
        net(torch.ones(3, 4, device=device)), torch.zeros(3, dtype=torch.int64, device=device)
    )
    (gradient,) = torch.autograd.grad(loss, [net.weight])
    gradient.sum().item()
