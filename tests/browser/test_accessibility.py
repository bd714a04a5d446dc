"""axe-core on every page, filled, in both themes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from accessible import settle, violations
from audited import add_audited_pictures, add_audited_table
from compared import add_methods, add_selftest
from influential import add_influence
from live import LiveApp, live_app
from playwright.sync_api import Page
from traced import add_trace
from trained import add_training
from valued import add_contributed, add_valuation

from dvaudit.store import Workspace
from dvaudit.ui.shell import PAGES

pytestmark = pytest.mark.browser

NAMES = [name for section in PAGES.values() for name, *_ in section]
# What is looked at beside a page's first view, or in place of it.
VIEWS = {
    "home": ("{table}",),
    "data": ("{pictures}", "{table}", "add=1"),
    "audit": ("{table}",),
    "samples": (
        "{pictures}",
        "{table}",
        "{table}&chart=classes&class=elm",
        "{table}&view=Classes",
        "{pictures}&view=Training",
    ),
    "compare": ("{methods}", "{methods}&compare=Self-test", "{methods}&compare=Stability"),
    "dynamics": ("{traced}",),
    "influence": ("{influence}",),
    "contributors": ("{people}",),
    "methods": ("{table}", "{table}&shown=Side+by+side", "{table}&method=dvgs"),
}
USUAL = ("{pictures}", "{table}")


@dataclass(frozen=True)
class Filled:
    """A running app over a workspace with everything the pages show."""

    app: LiveApp
    queries: dict[str, str]

    def address(self, page: str, view: str) -> str:
        return f"{self.app.address}/{page}?{view.format(**self.queries)}"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    home = tmp_path_factory.mktemp("filled")
    with Workspace(home) as ws:
        pictures, seen = add_audited_pictures(ws, tmp_path_factory.mktemp("pictures"), each=12)
        add_training(ws, seen)
        table, audit = add_audited_table(ws, tmp_path_factory.mktemp("table"), rows=60)
        methods = add_methods(ws, audit)
        add_selftest(ws, table)
        followed = add_methods(ws, audit, seed=1)
        add_trace(ws, followed)
        asked, _ = add_influence(ws, audit)
        people = add_contributed(ws, tmp_path_factory.mktemp("people"))
        add_valuation(ws, people)
        for sample in ("0", "1"):
            ws.decide(table, sample, "keep")
    queries = {
        "pictures": f"dataset={pictures}&run={seen}",
        "table": f"dataset={table}&run={audit}",
        "methods": f"dataset={table}&run={methods}",
        "traced": f"dataset={table}&run={followed}",
        "influence": f"dataset={table}&run={asked}",
        "people": f"dataset={people}",
    }
    with live_app(home) as running:
        yield Filled(running, queries)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_pages_pass_axe(page: Page, filled: Filled, name: str, theme: str) -> None:
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    found = []
    for view in VIEWS.get(name, USUAL):
        page.goto(filled.address(name, view))
        settle(page)
        found += [{"view": view, **item} for item in violations(page)]
    assert found == [], "\n".join(map(str, found))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_first_visit_passes_axe(page: Page, app: LiveApp, theme: str) -> None:
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    for name in ("home", "data", "methods"):
        page.goto(f"{app.address}/{name}")
        settle(page)
        assert violations(page) == []
