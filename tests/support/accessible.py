"""What axe-core finds on a page of the app, less what Streamlit's own elements bring along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Page, expect


@dataclass(frozen=True)
class Noise:
    """A violation of the framework's own elements, which the app cannot mend.

    Attributes:
        rule: axe-core's name of it.
        within: a CSS selector of what it is about; the violation's element lies in such a one.
        why: what it is, and why it cannot be mended here.
    """

    rule: str
    within: str
    why: str


NOISE = (
    Noise(
        "list",
        '[data-testid="stSidebarNavItems"]',
        "Streamlit's menu puts a div around the pages of each section, inside its ul.",
    ),
    Noise(
        "listitem",
        '[data-testid="stSidebarNavItems"]',
        "The same div: the pages' li have it as their parent.",
    ),
    Noise(
        "presentation-role-conflict",
        '[data-testid="stFileUploaderDropzone"]',
        "Streamlit names the drop zone, whose role is none; the button in it has the name, too.",
    ),
)

# Elements in a shadow root are named by a path of selectors, the first of which is the host's.
_RUN = """async (noise) => {
  const found = await axe.run(document, { resultTypes: ['violations'] })
  const places = []
  for (const violation of found.violations)
    for (const node of violation.nodes) {
      const target = node.target.flat()
      const host = document.querySelector(target[0])
      const known = noise.some(
        ([rule, within]) => rule === violation.id && host && host.closest(within))
      if (!known)
        places.push({ rule: violation.id, target: target.join(' >> '),
          html: node.html.slice(0, 160), said: (node.any[0] || node.all[0] || node.none[0] || {})
            .message || '' })
    }
  return places
}"""


PATIENCE = 60_000  # milliseconds: libraries of charts and tables come late on a busy machine


def settle(page: Page) -> None:
    """Wait until the page's script has run and its elements are drawn."""
    expect(page.locator('[data-testid="stApp"]')).to_have_attribute(
        "data-test-script-state", "notRunning", timeout=PATIENCE
    )
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=PATIENCE)
    # Those of closed tabs stay until their tab is opened.
    expect(page.locator('[data-testid="stSkeleton"]:visible')).to_have_count(0, timeout=PATIENCE)


def violations(page: Page) -> list[dict[str, Any]]:
    """Return rule, element and message of every violation that is not NOISE."""
    page.evaluate(AXE_FILE_PATH.read_text())
    found: list[dict[str, Any]] = page.evaluate(_RUN, [[item.rule, item.within] for item in NOISE])
    return found
