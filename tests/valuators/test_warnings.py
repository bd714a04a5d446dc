"""What parts of a dataset warn of, put together; and what a single class does."""

from __future__ import annotations

import numpy as np

from dvaudit.valuators.base import Scores, one_class
from dvaudit.valuators.trained_parts import merged


def _part(rows: list[int], *warnings: str) -> tuple[np.ndarray, Scores, tuple[str, ...]]:
    return np.array(rows), Scores(np.zeros(len(rows)), warnings=warnings), ("a", "b")


def test_halves_that_warn_alike_do_so_once_and_others_say_which_half_it_is() -> None:
    first = _part([0, 2], "Coarse.", "It explodes at 1.2.")
    second = _part([1, 3], "It explodes at 1.5.", "Coarse.")
    _, both, _ = merged([first, second])
    assert both.warnings == (
        "Coarse.",
        "In half 1 of 2: It explodes at 1.2.",
        "In half 2 of 2: It explodes at 1.5.",
    )
    assert merged([first])[1].warnings == ("Coarse.", "It explodes at 1.2.")
    assert merged([_part([0]), _part([1])])[1].warnings == ()


def test_a_single_class_is_warned_of_and_no_class_is_not() -> None:
    assert len(one_class(("elm",))) == 1
    assert one_class(()) == one_class(("elm", "oak")) == ()
