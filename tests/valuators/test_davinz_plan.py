"""DAVINZ: what it is expected to cost, and settings that the data are too few for."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from vectors import vector_dataset

from dvaudit import valuators
from dvaudit.core.machine import GIB, Cost, Machine
from dvaudit.core.result import ValuationResult
from dvaudit.valuators import davinz_plan
from dvaudit.valuators.contributing import ContributorValuator

MACHINE = Machine(2, 8 * GIB, 1e11)


def _value(**settings: object) -> ValuationResult:
    """Value 4 contributors of 40 samples each, towards 30 that are marked as trusted."""
    rng = np.random.default_rng(0)
    codes = np.arange(190) % 3
    data = vector_dataset(np.eye(3, 6)[codes] + rng.standard_normal((190, 6)), codes)
    groups = np.array(list("abcd"), dtype=object)[np.arange(190) % 4]
    data = replace(data, groups=groups, trusted=np.arange(190) >= 160)
    return valuators.get("davinz", {"initialisations": 1, **settings}).value(data)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"blocks": 5000}, "blocks: 5,000 asked for, 160 used, one for each sample"),
        (
            {"blocks": 4, "bandwidth": 9},
            "bandwidth: 9 asked for, 3 used, all other blocks, which is exact",
        ),
        (
            {"blocks": 1, "permutations": 3},
            "permutations: 3 asked for, 1 used, as one block has no other split",
        ),
    ],
)
def test_settings_beyond_the_data_are_said(settings: dict[str, int], said: str) -> None:
    result = _value(**settings)
    assert f"{said}." in result.warnings
    (clamped,) = result.stats["clamped"]
    assert f"{clamped['setting']}: {clamped['asked']:,} asked for, {clamped['used']}" in said
    assert result.stats["settings"][clamped["setting"]] == clamped["asked"]
    assert result.stats[clamped["setting"]] == clamped["used"]


def test_settings_within_the_data_leave_nothing_to_say() -> None:
    result = _value(blocks=4, bandwidth=3, permutations=2)
    assert result.stats["clamped"] == []
    assert "asked for" not in result.status
    assert "4 contributors of 160 samples, shapley on mlp at 1 initialisation," in result.status


def test_estimates_grow_with_the_data() -> None:
    small, large = (valuators.get("davinz").estimate(n, 100, 10, MACHINE) for n in (500, 50_000))
    assert large.seconds > small.seconds
    assert large.bytes > small.bytes
    assert "shapley" in small.plan


def test_estimates_know_how_many_contributors_there_are() -> None:
    def cost(contributors: int | None, game: str = "shapley", most: int = 1000) -> Cost:
        method = valuators.get("davinz", {"game": game, "most": most})
        assert isinstance(method, ContributorValuator)
        return method.estimate_among(contributors, 2000, 784, 10, MACHINE)

    few, many, unknown = cost(4), cost(40), cost(None)
    assert few.plan.endswith("shapley over all 16 coalitions")
    assert many.plan.endswith("shapley over at most 1,000 orders")
    assert "at most 1,000 orders: less time where the contributors are few" in unknown.plan
    assert few.seconds < many.seconds == unknown.seconds
    assert cost(11).seconds > cost(10).seconds
    assert cost(12) == many  # 4,096 coalitions are dearer than 1,000 orders
    assert "all 1,024 coalitions" in cost(10, "banzhaf", 1024).plan
    assert "at most 1,000 coalitions" in cost(10, "banzhaf").plan
    assert cost(None, "loo") == cost(3, "loo")
    assert valuators.get("davinz").estimate(2000, 784, 10, MACHINE) == unknown


STATUS = Path("/proc/self/status")


@pytest.mark.skipif(not STATUS.exists(), reason="the size of a process is read from /proc")
def test_memory_counts_what_a_process_takes_before_any_data() -> None:
    code = (
        f"import re, pathlib, dvaudit.valuators.davinz_terms;"
        f"print(re.search(r'VmRSS:\\s+(\\d+) kB', pathlib.Path('{STATUS}').read_text())[1])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0.5 < 1024 * int(done.stdout) / davinz_plan.PROCESS_BYTES < 2
    estimated = valuators.get("davinz").estimate(2, 1, 2, Machine(1, 8 * GIB, 1e11))
    assert estimated.bytes > davinz_plan.PROCESS_BYTES
