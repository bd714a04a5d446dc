"""The export page's buttons."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def prepared(app: AppTest, product: str) -> AppTest:
    """Press the button that prepares a product."""
    button = next(item for item in app.button if item.key == f"prepare_{product}")
    app = button.click().run()
    assert not app.exception
    return app


def keys_of(app: AppTest) -> set[str]:
    """Return the keys of all buttons, those of downloads too."""
    return {str(button.key) for button in app.get("download_button")} | {
        str(button.key) for button in app.button
    }
