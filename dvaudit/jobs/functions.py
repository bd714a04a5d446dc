"""The function a run calls, resolved from its import string within an allow-list."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from dvaudit.core.errors import DvauditError
from dvaudit.core.progress import Progress

if TYPE_CHECKING:
    from dvaudit.store import RunRecord, Workspace

ALLOWED: Final = ("dvaudit.",)


class RunFunction(Protocol):
    def __call__(self, ws: Workspace, run: RunRecord, progress: Progress) -> object:
        """Do the work of `run`; what it returns is ignored."""


class UnknownFunctionError(DvauditError):
    """A run names a function that does not exist, or that runs may not call."""


def check(params: Mapping[str, Any], allowed: Sequence[str]) -> tuple[str, str]:
    """Return module and name of params["function"] without importing anything.

    `allowed` are beginnings of dotted module names, such as "dvaudit.".

    Raises:
        UnknownFunctionError: no import string, or of a module outside `allowed`.
    """
    text = params.get("function")
    module, _, name = text.partition(":") if isinstance(text, str) else ("", "", "")
    if not module or not name.isidentifier():
        raise UnknownFunctionError(
            f"The run names no function to call ({text!r}); it takes one like 'package.module:name'"
        )
    if not any(f"{module}.".startswith(prefix) for prefix in allowed):
        raise UnknownFunctionError(
            f"The run asks for {text}, and runs may only call functions of {', '.join(allowed)}."
        )
    return module, name


def resolve(params: Mapping[str, Any], allowed: Sequence[str]) -> RunFunction:
    """Import and return the function of a run.

    Raises:
        UnknownFunctionError: as `check`, or the module has no such function.
    """
    function: RunFunction = find(params.get("function"), allowed)
    return function


def find(text: object, allowed: Sequence[str]) -> Callable[..., object]:
    """Import and return what an import string names; see `resolve`."""
    module, name = check({"function": text}, allowed)
    found = getattr(importlib.import_module(module), name, None)
    if not callable(found):
        raise UnknownFunctionError(f"There is no function {name!r} in {module}.")
    function: Callable[..., object] = found
    return function
