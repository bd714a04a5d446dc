"""Settings forms, drawn from the specs of a settings dataclass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dvaudit.core.settings import SettingSpec
from dvaudit.ui.words import plain


def settings_form(settings: Sequence[SettingSpec], *, key: str, columns: int = 2) -> dict[str, Any]:
    """Draw a widget for every setting; return the values that differ from their defaults.

    `key` starts the widgets' keys, so it must be unique on the page. What was entered outlives a
    change of page.
    """
    if not settings:
        st.caption("This method has no settings.")
        return {}
    grid = st.columns(min(columns, len(settings)), gap="medium")
    changed: dict[str, Any] = {}
    for index, spec in enumerate(settings):
        with grid[index % len(grid)]:
            value = _widget(spec, f"{key}.{spec.name}")
        if value != spec.default:
            changed[spec.name] = value
    return changed


def _widget(spec: SettingSpec, key: str) -> Any:
    label, help = plain(spec.label), plain(spec.help)
    if spec.type is bool:
        return st.toggle(label, spec.default, key=key, help=help, persist_state="session")
    if spec.choices:
        options = [*([None] if spec.optional else []), *spec.choices]
        return st.selectbox(
            label,
            options,
            options.index(spec.default),
            format_func=lambda option: "Automatic" if option is None else str(option),
            key=key,
            help=help,
            persist_state="session",
        )
    if spec.type is str:
        text = st.text_input(
            label, spec.default or "", key=key, help=help, persist_state="session"
        ).strip()
        return text or (None if spec.optional else spec.default)
    return _number(spec, key, label, help)


def _number(spec: SettingSpec, key: str, label: str, help: str) -> int | float | None:
    whole = spec.type is int
    look: dict[str, Any] = {"step": 1, "format": "%d"} if whole else {"format": "%g"}
    bounds = {"min_value": spec.low, "max_value": spec.high, "value": spec.default}
    for name, number in bounds.items():
        look[name] = None if number is None else spec.type(number)
    value: int | float | None = st.number_input(
        label, placeholder="Automatic", key=key, help=help, persist_state="session", **look
    )
    if value is None:
        return None if spec.optional else spec.default
    return int(value) if whole else float(value)
