"""The self-test with noisy features of images: what the form offers, and what the result says."""

from __future__ import annotations

from pathlib import Path

import pytest
from appview import add_table, open_page, texts
from audited import add_audited_pictures
from compared import add_selftest
from streamlit.testing.v1 import AppTest

from dvaudit import audits
from dvaudit.store import Workspace


def _open() -> AppTest:
    app = open_page("compare", {"compare": "Self-test"})
    assert not app.exception
    return app


def test_images_take_noise_in_their_features_and_it_says_so(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_audited_pictures(ws, tmp_path)
    app = _open()
    assert app.radio[0].options[2] == "Noisy features"
    captions = list(app.radio[0].proto.captions)
    assert "feature vector of an image, not to its pixels" in captions[2]
    monkeypatch.setattr(audits, "takes_pictures", lambda record, name: name == "aum")
    app.multiselect[0].set_value(["kernel-loo", "aum"])
    assert "Left out" not in texts(app.run())
    assert "Left out: " in texts(app.radio[0].set_value("noise").run())


def test_the_noise_of_tables_is_told_without_images(ws: Workspace, tmp_path: Path) -> None:
    add_table(ws, tmp_path)
    captions = list(_open().radio[0].proto.captions)
    assert "two standard deviations is added to every number" in captions[-1]
    assert "image" not in captions[-1]


@pytest.mark.parametrize(
    ("noise", "said"),
    [
        ([0.0, 3.0], "noise in the feature vectors, 0 to 3 standard deviations"),
        ([2.0, 2.0], "noise of 2 standard deviations"),
    ],
)
def test_the_result_says_which_noise_it_was_and_who_was_left_out(
    ws: Workspace, tmp_path: Path, noise: list[float], said: str
) -> None:
    run = add_selftest(ws, add_table(ws, tmp_path))
    told = {"kind": "noise", "noise": noise, "left_out": ["aum"]}
    tables = {name: ws.run_table(run, name) for name in ("scores", "curves", "methods")}
    ws.save_findings(run, ws.run_samples(run), tables, ws.run_summary(run) | told, {})
    shown = texts(_open()).replace("\\", "")
    assert said in shown
    assert "left out, because they train on the pictures: aum" in shown
