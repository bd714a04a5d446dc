"""Signed permissions."""

from __future__ import annotations

import pytest

from dvaudit.server import tokens

NOON = 1_900_000_000.0 // tokens.HALF_LIFE * tokens.HALF_LIFE


def test_a_token_is_the_same_for_half_a_day_and_valid_for_at_least_that_long() -> None:
    early, late = NOON, NOON + tokens.HALF_LIFE - 1
    assert tokens.mint("read d0001", early) == tokens.mint("read d0001", late)
    token = tokens.mint("read d0001", late)
    assert tokens.valid(token, "read d0001", late + tokens.HALF_LIFE)
    assert not tokens.valid(token, "read d0001", early + 2 * tokens.HALF_LIFE)


@pytest.mark.parametrize("change", ["later", "purpose", "signature"])
def test_nothing_in_a_token_can_be_changed(change: str) -> None:
    expires, signature = tokens.mint("upload", NOON).split(".")
    token, purpose = f"{expires}.{signature}", "upload"
    if change == "later":
        token = f"{int(expires) + 1}.{signature}"
    elif change == "purpose":
        purpose = "read d0001"
    else:
        token = f"{expires}.{'0' if signature[0] != '0' else '1'}{signature[1:]}"
    assert not tokens.valid(token, purpose, NOON)


@pytest.mark.parametrize(
    "token", ["", ".", "1", "x.y", "-5.ab", "9" * 40 + ".ab", "1.é", "²." + "a"]
)
def test_nonsense_is_not_valid(token: str) -> None:
    assert not tokens.valid(token, "upload", NOON)
