"""The HTML report: what it says, that it is safe and self-contained."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from dvaudit.core.dataset import Task
from dvaudit.findings import ErrorRate
from dvaudit.reports import render_html

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
    report = make_report(task=Task.REGRESSION)
    text = Page(render_html(report)).text
    assert "Share flagged by range of the target" in text
    assert "Most confused with" not in text
    assert "right of 0 the target is far off" in text


def test_long_lists_are_cut_and_counted(make_report):
    report = make_report()
    many = make_report(samples=report.samples.assign(flagged=True))
    page = Page(render_html(many))
    assert "80 more in samples.csv." in page.text
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
