"""Forward hooks that record what layers saw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Part = TypeVar("Part", bound=nn.Module)


@contextmanager
def recording(
    modules: Iterable[Part], replace: Callable[[Part, Tensor, Tensor], Tensor]
) -> Iterator[dict[Part, list[tuple[Tensor, Tensor]]]]:
    """Record inputs and outputs; a module returns what `replace(module, input, output)` does."""
    recorded: dict[Part, list[tuple[Tensor, Tensor]]] = {}

    def hook(module: Any, args: Any, kwargs: Any, output: Tensor) -> Tensor:
        inputs: Tensor = args[0] if args else kwargs["input"]
        result = replace(module, inputs, output)
        recorded.setdefault(module, []).append((inputs, result))
        return result

    handles = [part.register_forward_hook(hook, with_kwargs=True) for part in modules]
    try:
        yield recorded
    finally:
        for handle in handles:
            handle.remove()


def leaf(_module: nn.Module, _inputs: Tensor, output: Tensor) -> Tensor:
    """Make an output that nothing before it asks a gradient of the beginning of the graph."""
    return output if output.requires_grad else output.detach().requires_grad_()


@contextmanager
def full_precision() -> Iterator[None]:
    """Keep convolutions in float32 on a GPU; by default cuDNN cuts them to 10 bits (TF32)."""
    enabled = torch.backends.cudnn.enabled
    with torch.backends.cudnn.flags(enabled=enabled, deterministic=True, allow_tf32=False):
        yield
