"""app.py and the theme: what Streamlit must find in them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from appview import fresh_workspace, open_page
from streamlit.web.server.app_discovery import discover_asgi_app

from dvaudit.ui import theme

ROOT = Path(__file__).resolve().parents[2]
THEME = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]


def test_streamlit_finds_the_server_in_app_py() -> None:
    found = discover_asgi_app(ROOT / "app.py")
    assert found.is_asgi_app
    assert str(found.import_string).endswith("app:app")


def test_pages_are_not_served_without_the_shell(tmp_path: Path) -> None:
    # In a process of its own: the app and the flag are global to one.
    code = (
        "import app; from streamlit.runtime.pages_manager import PagesManager; "
        "print(PagesManager.uses_pages_directory)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_palette_has_the_ten_colours_plotly_needs(mode: str) -> None:
    colours = THEME[mode]["chartCategoricalColors"]
    assert len(set(colours)) == 10


def test_every_font_of_the_theme_is_in_the_assets() -> None:
    for face in THEME["fontFaces"]:
        assert (ROOT / face["url"].lstrip("/")).is_file()


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_is_readable_on_its_background(mode: str) -> None:
    colours = THEME[mode]
    assert _contrast(colours["textColor"], colours["backgroundColor"]) > 7
    assert _contrast(colours["linkColor"], colours["backgroundColor"]) > 4.5
    assert _contrast("#ffffff", colours["primaryColor"]) > 4.5


TINTS = (0.0, 0.1, 0.2)  # shares of the primary colour: a tab, what is chosen, and that hovered
CHOSEN = {"light": theme.CHOSEN, "dark": theme.CHOSEN_ON_DARK}


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_what_is_chosen_is_readable_on_its_tint(mode: str) -> None:
    primary = THEME[mode]["primaryColor"]
    for place in (THEME[mode], THEME[mode]["sidebar"]):
        for tint in TINTS:
            assert _contrast(CHOSEN[mode], _mixed(primary, place["backgroundColor"], tint)) > 4.5
        assert _contrast(primary, place["backgroundColor"]) > 3  # lines and thumbs


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_each_theme_has_its_own_colour_for_what_is_chosen(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(theme, "dark", lambda: mode == "dark")
    with fresh_workspace(tmp_path, monkeypatch):
        (style,) = [item.proto.body for item in open_page("data").get("html")]
    assert [colour in style for colour in CHOSEN.values()] == [mode == name for name in CHOSEN]


def _mixed(colour: str, behind: str, share: float) -> str:
    pairs = [(int(colour[i : i + 2], 16), int(behind[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in pairs)


def _contrast(one: str, other: str) -> float:
    bright, faint = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (faint + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance by WCAG 2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
