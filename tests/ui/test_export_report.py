"""Export: the report's sections and its staleness."""

from __future__ import annotations

import json
import re
from pathlib import Path

from appview import open_page, texts
from audited import add_audited_table
from exported import keys_of, prepared

from dvaudit.core.decisions import Verdict
from dvaudit.reports import Section
from dvaudit.store import Workspace


def test_the_report_holds_the_sections_that_are_chosen(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("export")
    for section in Section:
        if section not in (Section.CARD, Section.OUTLIERS):
            app.checkbox(key=f"report_{section.value}").uncheck()
    app = prepared(app.run(), "report")
    (written,) = (ws.root / "exports").rglob("report.html")
    page = written.read_text(encoding="utf-8")
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert headings == ["Outliers", "Valuation card"]
    assert "prepare_report" not in keys_of(app)
    app.checkbox(key="report_samples").check()
    app = prepared(app.run(), "report")
    app.slider(key="report_shown").set_value(100)
    assert "prepare_report" in keys_of(app.run()), "another choice is another report"


def test_a_report_without_sections_is_not_offered(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("export")
    for section in Section:
        app.checkbox(key=f"report_{section.value}").uncheck()
    app.run()
    assert "prepare_report" not in keys_of(app)
    assert "Choose at least one section for the report." in texts(app)
    assert "prepare_report-json" in keys_of(app)


def test_a_second_opinion_makes_the_report_stale(ws: Workspace, tmp_path: Path) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "3", Verdict.DROP, reviewer="ana")
    app = prepared(open_page("export"), "report-json")
    (written,) = (ws.root / "exports").rglob("report.json")
    told = json.loads(written.read_text(encoding="utf-8"))
    assert [person["name"] for person in told["reviewers"]] == ["ana"]
    assert "prepare_report-json" not in keys_of(app.run())
    ws.decide(dataset, "3", Verdict.DROP, reviewer="ben")
    assert "prepare_report-json" in keys_of(app.run())
