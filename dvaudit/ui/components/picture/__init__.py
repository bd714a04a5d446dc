"""One picture, as large as its place allows; tiny ones are enlarged with sharp pixels."""

from __future__ import annotations

import streamlit as st

from dvaudit.ui.components.files import source
from dvaudit.ui.links import image_url

_picture = st.components.v2.component(
    "dvaudit_picture",
    html="<div class='picture'></div>",
    css=source(__file__, "index.css"),
    js=source(__file__, "index.js"),
)


def picture(dataset_id: str, position: int, *, name: str, key: str) -> None:
    """Draw the original picture of a sample; `name` describes it to screen readers."""
    _picture(key=key, data={"source": image_url(dataset_id, position), "name": name})
