"""Choosing or dropping a file and streaming it to the server's disk, with progress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from dvaudit.core.machine import size_text
from dvaudit.server import tokens, uploads
from dvaudit.ui.components.files import source
from dvaudit.ui.links import upload_url

_HTML = """
<label class="drop" part="drop">
  <input type="file" class="file">
  <span class="icon" aria-hidden="true"></span>
  <span class="texts">
    <strong class="title">Drop a file here, or <span class="browse">browse</span></strong>
    <span class="hint"></span>
  </span>
</label>
<div class="progress" hidden>
  <progress max="1" value="0" aria-label="Upload progress"></progress>
  <button type="button" class="cancel">Cancel</button>
</div>
<output class="status" aria-live="polite"></output>
"""

_upload = st.components.v2.component(
    "dvaudit_upload",
    html=_HTML,
    css=source(__file__, "index.css"),
    js=source(__file__, "index.js"),
)


@dataclass(frozen=True)
class Uploaded:
    """A file that arrived: `upload` is what `server.uploads.resolve` takes."""

    upload: str
    name: str
    bytes: int


def upload(*, key: str, suffixes: Sequence[str], hint: str) -> Uploaded | None:
    """Draw the drop area; return the file in the one run after it has arrived, else None.

    `suffixes` are offered by the file dialogue; the server takes any file up to its limit.
    """
    result = _upload(
        key=key,
        data={
            "url": upload_url(),
            "token": tokens.mint(tokens.UPLOAD),
            "accept": ",".join(suffixes),
            "hint": f"{hint} Up to {size_text(uploads.limit())}.",
            "limit": uploads.limit(),
        },
        on_done_change=lambda: None,
    )
    done = result.done
    if done is None:
        return None
    return Uploaded(str(done["upload"]), str(done["name"]), int(done["bytes"]))
