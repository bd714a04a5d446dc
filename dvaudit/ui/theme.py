"""Logo, favicon and the colours that charts and components share; the rest is in config.toml."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

ACCENT = "#0f766e"
ACCENT_ON_DARK = "#2dd4bf"
FLAG = "#d97706"
FLAG_ON_DARK = "#fbbf24"
CHOSEN_ON_DARK = "#5eead4"
# Streamlit puts white text on the primary colour and writes what is chosen in it; on a dark
# background no colour is readable both ways.
_DARK_STYLE = f"""<style>
[data-variant="segmented_control"][data-selected]:not([data-disabled]),
[data-variant="pills"][data-selected]:not([data-disabled]),
[role="tab"][aria-selected="true"],
[data-testid="stSliderThumbValue"] {{ color: {CHOSEN_ON_DARK} !important; }}
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
    if dark():
        st.html(_DARK_STYLE)
