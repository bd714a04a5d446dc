"""Rows that are chosen in a table: which one, once, and again."""

from __future__ import annotations

import pytest
import streamlit as st

from dvaudit.ui.row_choice import chosen_row


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    state: dict[str, object] = {}
    monkeypatch.setattr(st, "session_state", state)
    return state


def test_a_chosen_row_is_unticked_so_that_it_can_be_chosen_again(state: dict[str, object]) -> None:
    state["table"] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    assert chosen_row("table", 3) == 1
    assert chosen_row("table", 3) is None
    state["table"] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    assert chosen_row("table", 3) == 1


@pytest.mark.parametrize("rows", [[3], [-1]])
def test_a_row_that_is_not_there_is_not_chosen(state: dict[str, object], rows: list[int]) -> None:
    state["table"] = {"selection": {"rows": rows}}
    assert chosen_row("table", 3) is None
