"""Gram matrices and the systems solved with them. Names load on first use, and torch with them."""

from typing import TYPE_CHECKING

from dvaudit.core.lazy import exports

if TYPE_CHECKING:
    from dvaudit.kernels.arccos import gram as gram
    from dvaudit.kernels.system import Inverse as Inverse
    from dvaudit.kernels.system import KernelSystem as KernelSystem

__getattr__, __all__ = exports(
    __name__,
    {
        "gram": "dvaudit.kernels.arccos",
        "Inverse": "dvaudit.kernels.system",
        "KernelSystem": "dvaudit.kernels.system",
    },
)
