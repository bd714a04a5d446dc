from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from dvaudit.core.errors import SettingsError
from dvaudit.core.settings import parse, setting, specs


@dataclass(frozen=True)
class Example:
    rounds: int = setting(3, "How many rounds.", low=1, high=9)
    rate: float | None = setting(None, "Step size.", low=0.0, label="Learning rate")
    fast: bool = setting(False, "Skip the slow part.")
    mode: str = setting("a", "Which way.", choices=("a", "b"))
    parts: int | None = setting(128, "Parts kept. Empty: all.", low=1)


def test_text_from_a_command_line_is_converted() -> None:
    made = parse(Example, {"rounds": "5", "rate": "0.5", "fast": "yes", "mode": "b"}, "example")
    assert made == Example(5, 0.5, True, "b")


@pytest.mark.parametrize("empty", [None, "auto", "none", "None", ""])
def test_an_optional_setting_may_be_left_to_the_method(empty: str | None) -> None:
    assert parse(Example, {"rate": empty}, "example").rate is None


@pytest.mark.parametrize("empty", [None, "none", "None", ""])
def test_empty_is_what_the_help_says_and_not_the_default(empty: str | None) -> None:
    assert parse(Example, {"parts": empty}, "example").parts is None


@pytest.mark.parametrize("word", ["auto", "Auto"])
def test_auto_is_the_default(word: str) -> None:
    made = parse(Example, {"parts": word, "rounds": word}, "example")
    assert (made.parts, made.rounds) == (128, 3)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("round", 1, "no setting 'round'; did you mean 'rounds'"),
        ("zzz", 1, "it has: rounds, rate, fast, mode"),
        ("rounds", 0, "least allowed is 1"),
        ("rounds", 10, "most allowed is 9"),
        ("rounds", 2.5, "whole number"),
        ("rounds", float("inf"), "type int"),
        ("rounds", np.float32(2.5), "whole number"),
        ("rounds", True, "True; give a value of type int"),
        ("rounds", np.bool_(True), "give a value of type int"),
        ("rate", True, "True; give a value of type float"),
        ("rounds", "x", "give a value of type int."),
        ("rounds", "none", "needs a value of type int"),
        ("rate", "all", r"'all'; give a value of type float, or none \(auto is the same\)."),
        ("parts", "all", "type int, none to leave it empty, or auto for the default, 128."),
        ("rounds", None, "needs a value"),
        ("rate", "nan", "finite"),
        ("rate", -1, "least allowed is 0"),
        ("fast", "maybe", "true or false"),
        ("mode", "c", "choose one of: a, b"),
    ],
)
def test_refusals_say_what_to_do(name: str, value: object, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parse(Example, {name: value}, "example")


def test_specs_carry_all_a_form_needs() -> None:
    rounds, rate, fast, mode, parts = specs(Example)
    assert (rounds.type, rounds.low, rounds.high, rounds.optional) == (int, 1, 9, False)
    assert (rate.type, rate.optional, rate.default) == (float, True, None)
    assert (parts.type, parts.optional, parts.default) == (int, True, 128)
    assert (fast.type, mode.choices) == (bool, ("a", "b"))
    assert [spec.label for spec in (rounds, rate)] == ["Rounds", "Learning rate"]


def test_a_name_is_made_readable_where_no_label_is_given() -> None:
    @dataclass(frozen=True)
    class Plain:
        ridge_rows: int = setting(1, "Rows.")

    assert specs(Plain)[0].label == "Ridge rows"
