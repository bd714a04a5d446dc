"""Sizes in words."""

from __future__ import annotations

import pytest

from dvaudit.core.machine import Machine, size_text
from dvaudit.valuators.kernel_plan import KernelPlan, Method


@pytest.mark.parametrize(
    ("bytes_", "text"),
    [(0, "0 B"), (999, "999 B"), (1200, "1.2 kB"), (999_600, "1.0 MB"), (8 << 30, "8.6 GB")],
)
def test_sizes(bytes_: float, text: str) -> None:
    assert size_text(bytes_) == text


def test_a_plan_says_its_size_as_the_pages_do() -> None:
    plan = KernelPlan(Method.EXACT, "float64", 30, 1, 0.001, 8300)
    assert plan.cost(Machine(2, 1 << 34, 1e11)).plan.endswith("in place (8.3 kB)")
    short = plan.cost(Machine(2, 1000, 1e11)).plan
    assert short.startswith("does not fit: ")
    assert short.endswith("(8.3 kB), 1.0 kB are free")
