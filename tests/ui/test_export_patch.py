"""Export: patches of other reviewers, shown and applied."""

from __future__ import annotations

from pathlib import Path

import pytest
from appview import add_table, figures, open_page, texts
from audited import add_audited_table
from exported import keys_of
from streamlit.testing.v1 import AppTest

from dvaudit import patches
from dvaudit.core.decisions import Verdict
from dvaudit.store import Workspace


def _patch_upload(app: AppTest, content: bytes, name: str = "patch.json") -> AppTest:
    return app.file_uploader(key="patch_file").upload(name, content, "application/json").run()


def _patch_of(ws: Workspace, dataset: str, folder: Path) -> bytes:
    path = patches.write_stored_patch(ws, dataset, ws.decisions(dataset), folder)
    return path.read_bytes()


def test_a_patch_is_shown_before_it_is_applied(ws: Workspace, tmp_path: Path) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "3", Verdict.RELABEL, "oak", reviewer="ana")
    ws.decide(dataset, "4", Verdict.DROP, reviewer="ana")
    ws.decide(dataset, "5", Verdict.KEEP, reviewer="ben")
    content = _patch_of(ws, dataset, tmp_path)
    for name in ("3", "4", "5"):
        ws.clear(dataset, name)
    ws.decide(dataset, "5", Verdict.DROP)
    app = _patch_upload(open_page("export"), content)
    assert not app.exception
    assert "3 verdicts of this very data, reviewed by ana, ben." in texts(app)
    assert "- **2** found by id and content\n- **1** left out: the label or a verdict" in texts(app)
    table = app.dataframe[-1].value
    assert table["Id in the patch"].tolist() == ["5", "3", "4"]
    assert table["Detail"].tolist()[0] == "the verdict here is drop"
    assert set(ws.decisions(dataset)) == {"5"}, "nothing is stored yet"
    app.session_state["reviewer"] = "eva"
    app = app.button(key="apply_patch").click().run()
    assert not app.exception
    assert "2 verdicts stored" in app.success[0].value
    assert figures(app) == {"Relabelled": "1", "Dropped": "2", "Kept": "0", "Unsure": "0"}
    assert ws.history(dataset)["reviewer"].tolist()[-2:] == ["eva", "eva"]
    assert "There is nothing in it to apply." in texts(app)


def test_a_patch_is_applied_to_data_that_is_not_audited_yet(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_table(ws, tmp_path)
    name = str(ws.samples(dataset)["id"].iloc[0])
    ws.decide(dataset, name, Verdict.DROP)
    content = _patch_of(ws, dataset, tmp_path)
    ws.clear(dataset, name)
    app = _patch_upload(open_page("export"), content)
    assert not app.exception
    assert "No finished audit yet" in texts(app)
    app = app.button(key="apply_patch").click().run()
    assert "1 verdict stored" in app.success[0].value
    assert "after an audit" in app.success[0].value
    assert set(ws.decisions(dataset)) == {name}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{}", "odd\\_name\\.json is no patch of dvaudit"),
        (b'{"schema": "dvaudit.patch", "schema_version": 9}', "has the schema version 9"),
        (b"PK", "is no JSON"),
    ],
)
def test_what_is_no_patch_is_refused_where_it_was_given(
    ws: Workspace, tmp_path: Path, content: bytes, said: str
) -> None:
    add_audited_table(ws, tmp_path)
    app = _patch_upload(open_page("export"), content, "odd_name.json")
    assert not app.exception
    assert said in app.error[0].value
    assert "apply_patch" not in keys_of(app)


def test_a_patch_of_other_data_fits_nothing(ws: Workspace, tmp_path: Path) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "3", Verdict.DROP)
    content = _patch_of(ws, dataset, tmp_path).replace(b'"width"', b'"breadth"')
    hashed = str(ws.samples(dataset)["hash"].iloc[3]).encode()
    content = content.replace(hashed, b"0" * 64).replace(b'"id": "3"', b'"id": "[x](http://y)"')
    app = _patch_upload(open_page("export"), content)
    assert "- **1** left out: neither the id nor the content is there" in texts(app)
    assert "1 column is a feature of the patch" in app.warning[-2].value
    assert "There is nothing in it to apply." in texts(app)
