"""What gallery and upload send to the browser, and the addresses they send."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from dvaudit.server import tokens
from dvaudit.ui import components
from dvaudit.ui.links import image_url, pack_url

FOLDER = Path(components.__file__).parent


def test_a_pack_address_is_signed_for_its_dataset() -> None:
    parts = urlsplit(pack_url("d0007", [3, 1, 2]))
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert parts.path == "/api/pack"
    assert (query["dataset"], query["positions"]) == ("d0007", "3,1,2")
    assert tokens.valid(query["token"], tokens.reading("d0007"))
    assert not tokens.valid(query["token"], tokens.reading("d0008"))


def test_an_image_address_is_signed_for_its_dataset() -> None:
    parts = urlsplit(image_url("d0007", 12))
    assert parts.path == "/api/image/d0007/12"
    assert tokens.valid(parse_qs(parts.query)["token"][0], tokens.reading("d0007"))


def test_a_base_path_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamlit.get_option", lambda name: "/audit/")
    assert image_url("d0007", 0).startswith("/audit/api/image/")
    assert pack_url("d0007", [0]).startswith("/audit/api/pack")


@pytest.mark.parametrize("script", sorted(FOLDER.glob("*/*.js")), ids=lambda path: path.parent.name)
def test_no_component_writes_markup(script: Path) -> None:
    source = script.read_text(encoding="utf-8")
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert forbidden not in source
