"""Logo, favicon and the colours that charts and components share; the rest is in config.toml."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

ACCENT = "#0f766e"
ACCENT_ON_DARK = "#2dd4bf"
FLAG = "#d97706"
FLAG_ON_DARK = "#fbbf24"
CHOSEN = "#115e59"
CHOSEN_ON_DARK = "#5eead4"
# Streamlit puts white text on the primary colour and writes what is chosen in it, on a tint of it
# that is stronger below the mouse: no one colour is readable all these ways.
_STYLE = """<style>
[data-variant="segmented_control"][data-selected]:not([data-disabled]),
[data-variant="pills"][data-selected]:not([data-disabled]),
[role="tab"][aria-selected="true"],
[data-testid="stSliderThumbValue"] {{ color: {} !important; }}
</style>"""


def dark() -> bool:
    """True when the browser shows the dark theme."""
    return bool(st.context.theme.type == "dark")


def accent() -> str:
    """Return the accent colour that reads well on the page's background."""
    return ACCENT_ON_DARK if dark() else ACCENT


def flag() -> str:
    """Return the colour of flagged samples that reads well on the page's background."""
    return FLAG_ON_DARK if dark() else FLAG


def chosen() -> str:
    """Return the colour of the text of what is chosen: a segment, a tab."""
    return CHOSEN_ON_DARK if dark() else CHOSEN


def dress(home: Path) -> None:
    """Set layout, favicon, logo and style; `home` is the folder of app.py."""
    assets = home / "assets"
    st.set_page_config(
        page_icon=str(assets / "favicon.png"),
        layout="wide",
        initial_sidebar_state="expanded",
    )
    st.logo(
        str(assets / ("logo-dark.svg" if dark() else "logo-light.svg")),
        size="large",
        icon_image=str(assets / "mark.svg"),
    )
    st.html(_STYLE.format(chosen()))
