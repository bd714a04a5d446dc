"""Settings forms, drawn from the specs of a settings dataclass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dvaudit.core.settings import SettingSpec, out_of_bounds
from dvaudit.ui.words import plain


def settings_form(settings: Sequence[SettingSpec], *, key: str, columns: int = 2) -> dict[str, Any]:
    """Draw a widget for every setting; return the values that differ from their defaults.

    They may be out of bounds, which is said under the widget: parse them before use.

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


def fill(settings: Sequence[SettingSpec], values: Mapping[str, Any], key: str) -> None:
    """Enter values in the form with this `key`; call it in a callback."""
    for spec in settings:
        value = values[spec.name]
        if spec.type is str and not spec.choices:
            value = value or ""
        elif spec.type is float and value is not None:
            value = float(value)
        st.session_state[f"{key}.{spec.name}"] = value


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
    """Draw a number without the bounds of its setting, and say where it is out of them.

    A widget with bounds drops what is outside of them in the browser: the person reads the
    number, and Python gets the one before.
    """
    whole = spec.type is int
    look: dict[str, Any] = {"step": 1, "format": "%d"} if whole else {"format": "%g"}
    default: Any = None if spec.default is None else spec.type(spec.default)
    look["value"] = default
    value: int | float | None = st.number_input(
        label,
        placeholder="Automatic",
        key=key,
        help=help,
        persist_state="session",
        **look,
    )
    if value is None:
        return None if spec.optional else default
    wrong = out_of_bounds(spec, value)
    if wrong:
        st.markdown(f":red[:material/error: :small[{plain(wrong)}]]")
    return int(value) if whole else float(value)
