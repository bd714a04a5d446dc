"""Seconds left: at the speed of the whole, and of late where that is slower."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvaudit.jobs.remaining import Remaining


@given(speed=st.floats(1e-4, 0.02), begun=st.floats(0, 0.5))
def test_an_even_pace_is_told_exactly(speed: float, begun: float) -> None:
    left = Remaining(100.0, begun)
    for second in range(1, 61):
        fraction = begun + speed * second
        if fraction > 1:
            return
        told = left.told(100.0 + second, fraction)
        if told is not None:
            assert told == pytest.approx((1 - fraction) / speed, rel=1e-6, abs=1e-6)


def test_a_slow_stage_after_a_quick_one_is_noticed() -> None:
    left = Remaining(0.0, 0.0)
    assert left.told(10.0, 0.6) == pytest.approx(10 * 0.4 / 0.6)
    for second in range(11, 41):  # a hundredth in five seconds
        told = left.told(float(second), 0.6 + 0.002 * (second - 10))
    assert told == pytest.approx((1 - 0.66) / 0.002, rel=0.01)


def test_a_quick_stage_after_a_slow_one_leaves_the_pace_of_the_whole() -> None:
    left = Remaining(0.0, 0.0)
    for second in range(1, 101):
        left.told(float(second), 0.001 * second)
    for second in range(101, 131):
        told = left.told(float(second), 0.1 + 0.02 * (second - 100))
    assert told == pytest.approx(130 * 0.3 / 0.7, rel=0.01)


def test_a_standstill_is_no_reason_for_eternity() -> None:
    left = Remaining(0.0, 0.0)
    left.told(5.0, 0.5)
    for second in range(6, 60):
        told = left.told(float(second), 0.5)
    assert told == pytest.approx(59.0)
