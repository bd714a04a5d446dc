"""Pruning scored by logistic regression and by a small net: run from the form, and drawn."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from accessible import settle
from audited import add_audited_table
from live import LiveApp, live_app
from numpy.typing import NDArray
from playwright.sync_api import Page, expect
from pruned import know_features

from dvaudit.findings.pruning import Proxy, Series
from dvaudit.store import RunKind, RunStatus, Workspace

pytestmark = pytest.mark.browser

WORDS = {Proxy.LOGISTIC: "Logistic regression", Proxy.NET: "Small net"}
DATASETS = {Proxy.LOGISTIC: "d0001", Proxy.NET: "d0002"}
ROWS, MOST, CUTS, SEEDS = 60, 80, 4, 2  # MOST in percent
MINUTES = 120_000  # milliseconds that a worker may take to load torch and to train
DOTTED = "2 6"
STEP = 0.06  # pixels: places in a path have one decimal
LINES = """paths => paths.map(path => [path.getAttribute('stroke-dasharray') ?? '',
  Number(path.getAttribute('stroke-width')),
  path.getAttribute('d').slice(1).split('L').map(point => point.split(' ').map(Number))])"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    """The app over an audited table for each model, whose two classes overlap."""
    home = tmp_path_factory.mktemp("proxies")
    rng, codes = np.random.default_rng(0), np.arange(ROWS) % 2
    width, height = (codes + rng.normal(size=(2, ROWS))).round(3)
    labels = np.array(["elm", "oak"])[codes].tolist()
    with Workspace(home) as ws:
        for dataset in DATASETS.values():
            folder = tmp_path_factory.mktemp(dataset)
            made, audit = add_audited_table(
                ws, folder, ROWS, kind=labels, width=width, height=height
            )
            assert made == dataset
            know_features(ws, audit)
    with live_app(home) as running:
        yield running


def start(page: Page, app: LiveApp, proxy: Proxy) -> None:
    page.goto(f"{app.address}/pruning?dataset={DATASETS[proxy]}")
    settle(page)
    page.get_by_role("radio", name=re.compile(f"^{WORDS[proxy]}")).press("Space")
    for label, number in (("Remove up to, %", MOST), ("Cuts", CUTS), ("Seeds", SEEDS)):
        field = page.get_by_label(label, exact=True)
        field.fill(str(number))
        field.press("Enter")
        settle(page)
    fits = SEEDS * 3 * (CUTS + 1)
    expect(page.get_by_text(re.compile(f"^{fits} fits on up to .*; {SEEDS} times"))).to_be_visible()
    page.get_by_role("button", name="Start pruning").click()


def lines_on(page: Page) -> dict[Series, NDArray[np.float64]]:
    """Return (cuts + 1, 2) pixels of each line; the chosen order is the strongest one."""
    paths = page.locator(".curve .stage path.path")
    expect(paths).to_have_count(3)
    found = paths.evaluate_all(LINES)
    strongest = max(width for _, width, _ in found)
    return {
        Series.RANDOM
        if dash == DOTTED
        else Series.LOWEST
        if width == strongest
        else Series.HIGHEST: np.array(points)
        for dash, width, points in found
    }


def drawn(page: Page, means: pd.DataFrame) -> None:
    """The lines are these means, share and score each on one linear scale."""
    lines = lines_on(page)
    assert set(lines) == {Series.LOWEST, Series.HIGHEST, Series.RANDOM}
    tables = [means[means["series"] == series.value] for series in lines]
    pixels = np.concatenate([*lines.values()])
    for axis, column, sign in ((0, "share", 1), (1, "score", -1)):
        values = np.concatenate([table[column].to_numpy(float) for table in tables])
        slope, start = np.polyfit(values, pixels[:, axis], 1)
        assert sign * slope > 100
        np.testing.assert_allclose(slope * values + start, pixels[:, axis], rtol=0, atol=2 * STEP)


def stored(ws: Workspace, proxy: Proxy) -> pd.DataFrame:
    (run,) = ws.runs(DATASETS[proxy], RunKind.PRUNING)
    assert (run.status, run.params["proxy"]) == (RunStatus.DONE, proxy.value)
    curves = ws.run_table(run.id, "curves")
    assert set(curves["proxy"]) == {proxy.value}
    assert len(curves) == 3 * SEEDS * (CUTS + 1)
    return curves


@pytest.mark.parametrize("proxy", WORDS)
def test_a_pruning_by_another_model_runs_and_is_drawn(
    page: Page, app: LiveApp, proxy: Proxy
) -> None:
    start(page, app, proxy)
    cut = page.get_by_role("slider", name="Share of samples removed")
    expect(cut).to_be_visible(timeout=MINUTES)
    settle(page)
    with Workspace(app.home) as ws:
        curves = stored(ws, proxy)
    expect(page.get_by_text(re.compile(rf"^Pruning .* · {proxy.value} · "))).to_be_visible()
    grouped = curves.groupby(["series", "removed", "share"])["score"]
    means = grouped.agg(score="mean", low="min", high="max").reset_index()
    assert means["score"].nunique() > 3
    drawn(page, means)

    lowest = means[means["series"] == Series.LOWEST.value]
    assert cut.get_attribute("aria-valuemax") == str(CUTS)
    page.goto(f"{page.url}&cut=1")
    expect(cut).to_have_attribute("aria-valuenow", "1")
    settle(page)
    cut.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"[?&]cut=2(&|$)"))
    removed, share, score = (lowest[name].to_numpy(float) for name in ("removed", "share", "score"))
    figure = page.get_by_test_id("stMetric").filter(has_text="Accuracy at the cut")
    expect(figure).to_contain_text(f"{score[2]:.1%}")
    expect(figure).to_contain_text(f"{score[0]:.1%} with all")
    said = f"{removed[2]:.0f} samples, {share[2]:.1%} removed: accuracy {score[2]:.1%}"
    expect(cut).to_have_attribute("aria-valuetext", re.compile(f"^{re.escape(said)}"))
