"""What `value` and `audit` refuse of their arguments before anything is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import dvaudit
from dvaudit.core.errors import SettingsError, UnsuitableDataError

X = np.random.default_rng(0).standard_normal((20, 3))
Y = (X[:, 0] > 0).astype(int)
UNLOADED = [(X, Y), "photos.zip", Path("photos.zip"), pd.DataFrame(X), X]


@pytest.mark.parametrize("given", UNLOADED, ids=lambda given: type(given).__name__)
def test_what_was_not_loaded_is_refused_by_the_name_of_its_type(given: Any) -> None:
    data, kind = dvaudit.load((X, Y)), type(given).__name__
    with pytest.raises(UnsuitableDataError, match=rf"data is a {kind} .*dvaudit\.load\("):
        dvaudit.value(given, "random")
    with pytest.raises(UnsuitableDataError, match=rf"trusted is a {kind} .*dvaudit\.load\("):
        dvaudit.value(data, "dvgs", trusted=given)
    with pytest.raises(UnsuitableDataError, match=f"data is a {kind} "):
        dvaudit.audit(given, ["random"])
    with pytest.raises(UnsuitableDataError, match=f"trusted is a {kind} "):
        dvaudit.audit(data, ["dvgs"], trusted=given)


def test_no_data_is_refused() -> None:
    nothing: Any = None
    with pytest.raises(UnsuitableDataError, match="data is a NoneType"):
        dvaudit.value(nothing, "random")


@pytest.mark.parametrize("seed", [-1, 2**32, True])
def test_what_is_no_seed_is_refused(seed: int) -> None:
    data = dvaudit.load((X, Y))
    with pytest.raises(SettingsError, match="whole number from 0 to"):
        dvaudit.value(data, "random", seed=seed)
    with pytest.raises(SettingsError, match="whole number from 0 to"):
        dvaudit.audit(data, ["random"], seed=seed)


def test_true_is_no_number_of_epochs() -> None:
    with pytest.raises(SettingsError, match=r"el2n\.epochs is True; give a value of type int"):
        dvaudit.value(dvaudit.load((X, Y)), "el2n", epochs=True)
