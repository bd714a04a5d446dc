"""Choices that come back from the browser as text."""

from __future__ import annotations

import pytest

from dvaudit.ui import addressed, influence_own


def test_a_text_that_was_on_its_way_is_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    held: dict[str, object] = {"box": "20: one.png, 4, starting, just now"}
    monkeypatch.setattr(addressed.st, "session_state", held)
    assert addressed.chosen_among("box", ["r0019", "r0020"]) is None
    held["box"] = "r0020"
    assert addressed.chosen_among("box", ["r0019", "r0020"]) == "r0020"
    assert addressed.chosen_among("another", ["r0019"]) is None


def test_an_answer_keeps_its_address_when_its_state_changed_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(influence_own, "_open", opened.append)
    for held in ("20: one.png, 4, starting, just now", "r0020", None):
        monkeypatch.setattr(addressed.st, "session_state", {"question_earlier": held})
        influence_own._reopen(["r0020"])
    assert opened == ["r0020", influence_own.NEW]
