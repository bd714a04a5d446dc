"""The HTML report: what it says, that it is safe and self-contained."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from curves import curve_table

from dvaudit.core.dataset import Kind, Task
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.findings import ErrorRate
from dvaudit.reports import Choice, Section, render_html, report_json


@pytest.fixture
def history():
    """Ana relabels one sample and drops another; ben agrees on the first."""
    return pd.DataFrame(
        {
            "at": pd.to_datetime([f"2026-03-02T09:0{minute}:00+00:00" for minute in range(3)]),
            "sample_id": ["s003", "s050", "s003"],
            "version": [1, 1, 2],
            "verdict": ["relabel", "drop", "relabel"],
            "label": ["cat", None, "cat"],
            "reviewer": ["ana", "ana", "ben"],
            "undo": False,
        }
    )


VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Collects text and tags, and checks that every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_the_report_says_what_was_found_and_decided(make_report):
    text = Page(render_html(make_report())).text
    assert "planted" in text
    assert "120 rows · classification · 3 classes · audited 2 Mar 2026, 10:15 UTC" in text
    assert "of the labels are estimated to be wrong (95 % interval" in text
    assert "2 of 120 samples are flagged for review." in text
    assert "Verdicts so far: 2, of which 2 change the data." in text
    assert "relabel to cat" in text
    assert "s003 relabel dog cat" in text, "decision with the label before and after"
    assert "s050 drop cat removed" in text
    assert "Left out, the model says cat, not dog" in text
    assert "s060 dog keep s061 dog exact" in text, "the duplicate group"
    assert "Not read: broken.png : not a picture" in text


def test_the_card_says_how_it_was_made(make_report):
    report = make_report()
    text = Page(render_html(report)).text
    for fact in (
        report.fingerprint,
        "Ridge 0.03; no repair was needed.",
        "ridge = automatic",
        "Seed 17",
        "python 3.12.1, numpy 2.2.0",
        "Time in all 1 min 15 s",
        "Time by stage gram 0.5 s",
        "Taken as they are.",
        report.error_rate.how,
    ):
        assert fact in text
    assert "Reviewed by Signature Date" in text


def test_the_page_loads_nothing(make_report):
    html = render_html(make_report())
    assert not re.search(r"https?:|//\w+\.\w|@import|url\(", html)
    page = Page(html)
    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object"} == set()
    sources = [attrs["src"] for _, attrs in page.tags if "src" in attrs]
    assert sources
    assert all(source.startswith("data:image/") for source in sources)
    assert any("default-src 'none'" in (attrs.get("content") or "") for _, attrs in page.tags)


def test_labels_ids_and_names_are_escaped(make_report):
    attack = "<script>alert('x')</script>"
    report = make_report((attack, '"onload="x', "a&b"), name=f"{attack}.zip", notes=(attack,))
    report.samples.loc[3, "id"] = "<img src=x onerror=alert(1)>"
    html = render_html(report)
    page = Page(html)
    tags = {tag for tag, _ in page.tags}
    assert "script" not in tags
    assert not any("onload" in attrs or "onerror" in attrs for _, attrs in page.tags)
    assert attack in page.text
    assert "a&b" in page.text
    assert "<img src=x onerror=alert(1)>" in page.text


def test_a_thumbnail_must_be_a_picture(make_report):
    with pytest.raises(ValueError, match="s001"):
        make_report(thumbnails={"s001": "javascript:alert(1)"})


def test_a_report_without_findings_says_so(make_report):
    report = make_report()
    samples = report.samples.assign(flagged=False, outlier=False, margin=np.nan)
    samples["suspicion_rank"] = pd.array([None] * len(samples), dtype="Int64")
    empty = make_report(
        samples=samples.drop(columns="kernel-loo.value"),
        duplicates=report.duplicates.iloc[:0],
        confusions=report.confusions.iloc[:0],
        error_rate=ErrorRate(None, None, None, "No estimate: too few classes."),
        decisions={},
        thumbnails={},
        notes=(),
        unreadable=(),
        record={},
    )
    text = Page(render_html(empty)).text
    assert "No sample was ranked." in text
    assert "No exact or near duplicates were found." in text
    assert "No sample stands apart from the rest." in text
    assert "No verdict has been given yet" in text
    assert "No estimate: too few classes." in text
    assert "Suspicion scores" not in text


def test_regression_speaks_of_targets(make_report):
    samples = make_report().samples.assign(given_label="12.5")
    decisions = {
        "s003": Decision("s003", Verdict.RELABEL, "132.5"),
        "s004": Decision("s004", Verdict.DROP),
    }
    report = make_report(task=Task.REGRESSION, samples=samples, decisions=decisions)
    text = Page(render_html(report)).text
    assert "Share flagged by range of the target" in text
    assert "Most confused with" not in text
    assert "right of 0 the target is far off" in text
    assert "Before 120 12.5 0 12.5 12.5 After 119 13.5084 11.0004 12.5 132.5" in text


def test_long_lists_are_cut_and_counted(make_report):
    report = make_report()
    many = make_report(samples=report.samples.assign(flagged=True))
    page = Page(render_html(many))
    assert "60 more samples not shown in this report." in page.text
    assert len(render_html(many)) < 200_000


def test_missing_labels_are_named_so(make_report):
    report = make_report()
    report.samples.loc[report.samples["id"] == "s050", "given_label"] = None
    assert "s050 drop no label removed" in Page(render_html(report)).text


def test_rendering_is_repeatable(make_report):
    report = make_report()
    assert render_html(report) == render_html(report)


def test_tables_that_were_stored_give_the_same_page(make_report, tmp_path):
    report = make_report()
    stored = {}
    for name in ("samples", "classes", "duplicates", "confusions"):
        getattr(report, name).to_parquet(tmp_path / name)
        stored[name] = pd.read_parquet(tmp_path / name)
    assert render_html(make_report(**stored)) == render_html(report)


def test_only_chosen_sections_are_written(make_report):
    report = make_report(curves=curve_table())
    for section in Section:
        html = render_html(report, Choice(frozenset([section])))
        Page(html)
        wanted = [] if section is Section.SCORES else [section.heading]
        assert re.findall("<h2>(.*?)</h2>", html) == wanted
        assert ("<figure" in html) == (section in (Section.SCORES, Section.CURVES))
    nothing = Page(render_html(report, Choice(frozenset())))
    assert "h2" not in {tag for tag, _ in nothing.tags}
    assert "2 of 120 samples are flagged" in nothing.text


def test_images_are_shown_as_a_gallery_with_both_labels(make_report):
    html = render_html(make_report(kind=Kind.IMAGE))
    text = Page(html).text
    assert html.count('class="shot"') == 2
    assert "1 dog → cat s003 relabel to cat" in text
    assert "no picture" in text, "a sample without a thumbnail has its place"


def test_tables_show_the_row_of_a_sample(make_report):
    text = Page(render_html(make_report(rows={"s003": "age: 39 · job: <none>"}))).text
    assert "age: 39 · job: <none>" in text


def test_class_effects_and_suggestions_are_told(make_report):
    suggested = {"s009": Decision("s009", Verdict.RELABEL, "owl")}
    text = Page(render_html(make_report(suggested=suggested))).text
    assert "With 2 verdicts applied, and 1 suggestion that nobody judged." in text
    # s003 dog -> cat, s050 (cat) dropped, s009 cat -> owl.
    assert "cat 40 1 1 1 39 \u22121" in text
    assert "dog 40 0 1 0 39 \u22121" in text
    assert "owl 40 0 0 1 41 +1" in text
    assert "s009 relabel suggested, not judged cat owl" in text


def test_reviewers_and_agreement_are_told(make_report, history):
    text = Page(render_html(make_report(history=history))).text
    assert "ana 2 0 1 1 0 2 Mar 2026, 09:00 UTC 2 Mar 2026, 09:01 UTC" in text
    assert "ana and ben 1 100.0 % —" in text
    assert "Reviewer: ben 1 sample, from 2 Mar 2026, 09:02 UTC to 2 Mar 2026, 09:02 UTC" in text


def test_curves_are_drawn_where_there_are_any(make_report):
    assert "Pruning curves" not in Page(render_html(make_report())).text
    html = render_html(make_report(curves=curve_table()))
    assert html.count("<polyline") == 3
    assert "kernel ridge, not balanced by class" in html
    assert "Mean of 2 seeds." in html
    assert "accuracy on held-out samples" in html


def test_hostile_names_are_text_everywhere(make_report, history):
    attack = "</style></svg><script>alert(1)</script>{{7*7}}"
    history["reviewer"] = attack
    report = make_report(
        kind=Kind.IMAGE,
        history=history,
        curves=curve_table().assign(series=attack, proxy=attack),
        suggested={"s009": Decision("s009", Verdict.RELABEL, attack)},
        rows={"s003": attack},
        record={"features": {"extractor": attack}, "valuators": {attack: {"status": attack}}},
    )
    html = render_html(report)
    page = Page(html)
    assert "script" not in {tag for tag, _ in page.tags}
    assert attack in page.text
    assert "</script>49" not in html, "other people's text is no template"
    assert html.count("<script") == 0


def test_the_json_has_every_decision_and_the_card(make_report, history):
    suggested = {"s009": Decision("s009", Verdict.RELABEL, "owl")}
    report = make_report(history=history, suggested=suggested, curves=curve_table())
    told = json.loads(json.dumps(report_json(report), allow_nan=False))
    assert (told["schema"], told["schema_version"]) == ("dvaudit.report", 1)
    assert told["decisions"][0] == {
        "id": "s009", "verdict": "relabel", "old_label": "cat", "new_label": "owl",
        "by": "suggestion",
    }  # fmt: skip
    assert [item["by"] for item in told["decisions"]] == ["suggestion", "reviewer", "reviewer"]
    assert [item["title"] for item in told["card"]] == [
        *("Data", "Preprocessing", "Method: kernel-loo", "Cut-off", "Error rate", "Run", "Review"),
    ]
    assert told["reviewers"][0]["first"] == "2026-03-02T09:00:00+00:00"
    assert told["agreements"] == [
        {"one": "ana", "other": "ben", "samples": 1, "equal": 1, "kappa": None}
    ]
    assert len(told["curves"]) == len(curve_table())
    assert {row["class"]: row["after"] for row in told["effects"]} == {
        "cat": 39, "dog": 39, "owl": 41,
    }  # fmt: skip
    assert told["audit"]["dataset"]["fingerprint"] == report.fingerprint


def test_the_headline_says_what_the_interval_covers(make_report) -> None:
    how = "Estimated. 95 % interval, sampling error only."
    page = render_html(make_report(error_rate=ErrorRate(0.4, 0.3, 0.5, how)))
    assert "(95 % interval 30.0 to 50.0\u00a0%, sampling error only)" in page
    judged = render_html(make_report(error_rate=ErrorRate(0.4, 0.3, 0.5, "By verdicts.")))
    assert "sampling error only" not in judged


def test_a_relabel_to_the_given_label_changes_nothing(make_report) -> None:
    decisions = {
        "s000": Decision("s000", Verdict.RELABEL, "cat"),
        "s001": Decision("s001", Verdict.RELABEL, "dog"),
        "s002": Decision("s002", Verdict.KEEP),
    }
    page = render_html(make_report(decisions=decisions))
    assert "Verdicts so far: 3, of which 1 changes the data." in page
    assert "1 relabelled" in page


def test_without_labels_a_report_says_what_it_found_instead(make_report):
    report = make_report()
    bare = make_report(
        task=Task.UNSUPERVISED,
        samples=report.samples.assign(
            given_label=None, suggested_label=None, flagged=False, suspicion_rank=pd.NA
        ),
        classes=report.classes.iloc[:0],
        confusions=report.confusions.iloc[:0],
        duplicates=report.duplicates.assign(given_label=None, conflict=False),
        error_rate=ErrorRate(None, None, None, "No labels."),
        notes=(),
        decisions={},
    )
    text = Page(render_html(bare)).text
    groups, outliers = report.duplicates["group"].nunique(), int(report.samples["outlier"].sum())
    assert groups == 1
    assert "The data has no labels to judge. The audit found 1 group of duplicates and " in text
    assert f"{outliers} outlier" in text
    assert "Samples 120 without labels Duplicate groups 1 2 samples in them Outliers" in text
    words = ("flagged", "Flagged", "wrong labels", "no label ", "conflict", "suspicious", "Margin")
    assert [word for word in words if word in text] == []
