"""Gram matrices and the systems solved with them. Names load on first use, and torch with them."""

from typing import TYPE_CHECKING

from dvaudit.core.lazy import exports

if TYPE_CHECKING:
    from dvaudit.kernels import ntk_reference as ntk_reference
    from dvaudit.kernels.arccos import gram as gram
    from dvaudit.kernels.iterative import IterativeSystem as IterativeSystem
    from dvaudit.kernels.mixture import CODE_COMPATIBLE as CODE_COMPATIBLE
    from dvaudit.kernels.mixture import Mixture as Mixture
    from dvaudit.kernels.mixture import choose_mixture as choose_mixture
    from dvaudit.kernels.mixture import kernel_weights as kernel_weights
    from dvaudit.kernels.mixture import median_ladder as median_ladder
    from dvaudit.kernels.mmd import MmdSums as MmdSums
    from dvaudit.kernels.ntk import ntk_blocks as ntk_blocks
    from dvaudit.kernels.ntk import own_outputs as own_outputs
    from dvaudit.kernels.ntk import plan_ntk as plan_ntk
    from dvaudit.kernels.system import Inverse as Inverse
    from dvaudit.kernels.system import KernelSystem as KernelSystem

__getattr__, __all__ = exports(
    __name__,
    {
        "gram": "dvaudit.kernels.arccos",
        "IterativeSystem": "dvaudit.kernels.iterative",
        "Inverse": "dvaudit.kernels.system",
        "KernelSystem": "dvaudit.kernels.system",
        "CODE_COMPATIBLE": "dvaudit.kernels.mixture",
        "Mixture": "dvaudit.kernels.mixture",
        "choose_mixture": "dvaudit.kernels.mixture",
        "kernel_weights": "dvaudit.kernels.mixture",
        "median_ladder": "dvaudit.kernels.mixture",
        "MmdSums": "dvaudit.kernels.mmd",
        "ntk_blocks": "dvaudit.kernels.ntk",
        "own_outputs": "dvaudit.kernels.ntk",
        "plan_ntk": "dvaudit.kernels.ntk",
        "ntk_reference": "dvaudit.kernels.ntk_reference",
    },
)
