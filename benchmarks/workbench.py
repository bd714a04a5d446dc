"""The workbench in a browser, with 60,000 pictures and with a table of 1,000,000 rows.

The data are made from small real ones (`big_data.py`), imported and audited in a workspace that is
kept for the next run; then a server is started over it and Chromium works the pages: opening
Samples, turning pages, dragging over the histogram, drawing a lasso around some 10,000 points, and
judging by keyboard. A time runs from the event in the page until what it leads to is painted.

    python benchmarks/workbench.py [--home FOLDER] [--repeats 15] [--pictures 60000]
        [--rows 1000000] [--only pictures|rows]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, TimeoutError, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support"), str(ROOT / "benchmarks")]

import big_data  # noqa: E402
from browser import ARGUMENTS, find  # noqa: E402
from live import LiveApp, live_app  # noqa: E402

from dvaudit import audits, jobs  # noqa: E402
from dvaudit.store import Workspace  # noqa: E402

DATA = ROOT.parent / "shared" / "data"
# Values of the blocks differ little from those of an exact audit; the pages do not care.
QUICK = {"plan": "bagged", "block": 1000, "partitions": 2}
SESSIONS, STARTS = 5, 5
STARTED = 5.0  # seconds
LASSO, MOST = 10_000, 20_000  # a pixel of the map holds many of a million points
MINUTE = 60_000

# What is on the screen, as one text; null while something is still on its way. A filter is shown
# when the script has ended: the count and the pictures may come one after the other.
SHOWN = {
    "pictures": """() => {
      if (!counted()) return null
      if (counted().startsWith('0 ')) return idle() ? counted() : null
      const cards = [...deep('.gallery .card')]
      if (!cards.length || !cards.every((card) => {
        const image = card.querySelector('img')
        return image && image.complete && image.naturalWidth
      })) return null
      return cards.slice(0, 8).map((card) => card.getAttribute('aria-label')).join('|')
        + cards.length + counted()
    }""",
    "rows": """() => {
      if (counted().startsWith('0 ')) return idle() ? counted() : null
      // The table's text for screen readers comes 200 ms after its pixels.
      const grid = document.querySelector('canvas[data-testid="data-grid-canvas"]')
      if (!grid || !idle()) return null
      const ratio = window.devicePixelRatio
      const pixels = grid.getContext('2d').getImageData(70 * ratio, 40, 200, 120).data
      return pixels.reduce((sum, part, at) => (sum * 31 + part * (at & 255)) % 1000003, 7)
        + ' ' + counted()
    }""",
    "review": """() => {
      const name = deep('.review [data-part="name"]')[0]
      if (!name || !name.textContent) return null
      const image = deep('.review .picture img')[0]
      if (image && !(image.complete && image.naturalWidth)) return null
      return name.textContent
    }""",
}
HELPERS = """
  window.deep = (selector) => {
    const found = [...document.querySelectorAll(selector)]
    for (const node of document.querySelectorAll('[data-testid^="stBidi"]')) {
      if (node.shadowRoot) found.push(...node.shadowRoot.querySelectorAll(selector))
    }
    return found
  }
  window.idle = () => {
    const app = document.querySelector('[data-testid="stApp"]')
    return app && app.dataset.testScriptState === 'notRunning' ? ' ' : ''
  }
  window.ended = (shown) => (idle() ? shown() : null)
  // How many samples pass the filters, as the line above them says.
  window.counted = () => {
    const lines = [...document.querySelectorAll('strong')].map((line) => line.textContent)
    return lines.find((line) => / samples?$/.test(line)) ?? ''
  }
  // Whether the script has ended and the same has been shown for half a second.
  window.settled = (shown) => {
    const now = ended(shown)
    if (now === null || now !== window.last) [window.last, window.since] = [now, Date.now()]
    return now !== null && Date.now() - window.since > 500
  }
  // The milliseconds from the next event of `kind` until `shown` says something new, painted.
  window.watch = (kind, shown) => {
    const before = shown()
    window.took = null
    window.addEventListener(kind, () => {
      const start = performance.now()
      const look = () => {
        const now = shown()
        if (now === null || now === before) return requestAnimationFrame(look)
        requestAnimationFrame(() => { window.took = performance.now() - start })
      }
      look()
    }, { once: true, capture: true })
  }
"""


def prepare(home: Path, what: str, size: int) -> str:
    """Return the dataset of `size` samples with a finished audit; make both where needed."""
    name = f"{size:,} {what}"
    with Workspace(home) as ws:
        for record in ws.datasets():
            if record.name == name and audits.latest_audit(ws, record.id):
                return record.id
        with tempfile.TemporaryDirectory() as folder:
            if what == "pictures":
                path = Path(folder) / "digits.zip"
                big_data.write_images(DATA / "mnist_12k_flipped.zip", path, size)
                roles = None
            else:
                path = Path(folder) / "census.csv"
                big_data.write_table(DATA / "adult.csv", path, size, "income")
                roles = {"income": "label"}
            run = ws.run(audits.start_import(ws, path, name=name, roles=roles))
            jobs.work_here(ws, run.id)
        settings = dict.fromkeys(("kernel-loo", "cg-score"), QUICK)
        audit = audits.start_audit(ws, run.dataset_id, settings=settings)
        jobs.work_here(ws, audit)
        done = ws.run(audit)
        if done.error:
            raise RuntimeError(f"the audit of {name} ended as {done.status}: {done.error}")
        return run.dataset_id


class Visit:
    """One browser session, and the bytes that came to it."""

    def __init__(self, browser: Browser, app: LiveApp) -> None:
        self.page = browser.new_page(viewport={"width": 1440, "height": 900})
        self.page.add_init_script(HELPERS)
        self.app, self.received = app, 0
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._frame))
        session = self.page.context.new_cdp_session(self.page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", self._loaded)

    def _frame(self, payload: str | bytes) -> None:
        self.received += len(payload)

    def _loaded(self, event: dict[str, float]) -> None:
        self.received += int(event["encodedDataLength"])

    def open(self, address: str, kind: str) -> float:
        """Open a page until its content is painted; return the seconds."""
        start = time.perf_counter()
        self.page.goto(f"{self.app.address}/{address}")
        self.page.wait_for_function(SHOWN[kind], timeout=MINUTE)
        took = time.perf_counter() - start
        self.shown(kind)
        return took

    def home(self) -> None:
        """Open Home, and leave the server the time to load its screens."""
        self.page.goto(f"{self.app.address}/home")
        self.page.wait_for_function("() => idle()", timeout=MINUTE)
        time.sleep(STARTED)

    def click(self, kind: str) -> float:
        """Open Samples from Home; return the seconds."""
        start = time.perf_counter()
        self.page.get_by_role("main").get_by_role("link", name="Samples").first.click()
        self.page.wait_for_function(SHOWN[kind], timeout=MINUTE)
        return time.perf_counter() - start

    def shown(self, kind: str) -> None:
        """Wait until something is shown and nothing more comes."""
        self.page.wait_for_function(SHOWN[kind], timeout=MINUTE)
        self.page.wait_for_function(f"() => settled({SHOWN[kind]})", timeout=MINUTE, polling=100)

    def time(self, kind: str, event: str, act: Callable[[], None], *, ended: bool = False) -> float:
        """Do something; return the seconds from its `event` until it is painted.

        Args:
            ended: and until the script has ended.
        """
        self.shown(kind)
        shown = f"() => ended({SHOWN[kind]})" if ended else SHOWN[kind]
        self.page.evaluate(f"watch('{event}', {shown})")
        act()
        try:
            self.page.wait_for_function("() => window.took !== null", timeout=MINUTE)
        except TimeoutError:
            self.page.screenshot(path="workbench_stuck.png")
            raise
        took = float(self.page.evaluate("window.took")) / 1000
        self.shown(kind)
        return took


def drag(page: Page, corners: list[tuple[float, float]]) -> None:
    """Draw a line through `corners` with the button held."""
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=5)
    page.mouse.up()


def next_pages(visit: Visit, kind: str, repeats: int) -> list[float]:
    button = visit.page.get_by_role("button", name="Next page")
    return [visit.time(kind, "click", button.click) for _ in range(repeats)]


def histogram(visit: Visit, kind: str, repeats: int) -> list[float]:
    """Drag over another part of the bars each time."""
    box = visit.page.get_by_role("slider", name="Range of ").bounding_box()
    assert box is not None
    middle, times = box["y"] + box["height"] / 2, []
    for turn in range(repeats):
        low, high = 0.2 + 0.02 * turn, 0.55 + 0.02 * turn
        ends = [(box["x"] + share * box["width"], middle) for share in (low, high)]
        held = partial(drag, visit.page, ends)
        times.append(visit.time(kind, "mouseup", held, ended=True))
    return times


def lasso(visit: Visit, kind: str, repeats: int) -> tuple[list[float], list[int]]:
    """Draw regions of about LASSO points; return the seconds and how many points each held."""
    page = visit.page
    canvas = page.get_by_role("application")
    page.wait_for_selector('[role="application"][data-ready]', timeout=MINUTE)
    times, held, narrow, wide = [], [], 0.0, 1.0
    while len(times) < repeats:
        width = (narrow + wide) / 2
        shift = len(times) / 500  # another region, so that nothing is answered from a cache
        drawn = partial(region, page, canvas, width, shift)
        took = visit.time(kind, "pointerup", drawn, ended=True)
        points = chosen(page)
        if LASSO <= points <= MOST:
            times.append(took)
            held.append(points)
        elif points < LASSO:
            narrow = width
        else:
            wide = width
    return times, held


def region(page: Page, canvas: Locator, size: float, shift: float) -> None:
    """Draw a line around a part of a map: a share of its sides, in the middle but for a shift."""
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    ends = [0.5 + shift - 0.49 * size, 0.5 + shift + 0.49 * size]
    x = [box["x"] + share * box["width"] for share in ends]
    y = [box["y"] + share * box["height"] for share in ends]
    drag(page, [(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1]), (x[0], y[0])])


def chosen(page: Page) -> int:
    """Return how many samples pass the filters, from the line above them."""
    return int(page.evaluate("counted()").split(" ")[0].replace(",", ""))


def verdicts(visit: Visit, dataset: str, repeats: int) -> list[float]:
    visit.open(f"review?dataset={dataset}", "review")
    visit.page.get_by_role("region", name="Review of one sample").focus()
    keys = "kdu"
    return [
        visit.time("review", "keydown", lambda at=at: visit.page.keyboard.press(keys[at % 3]))
        for at in range(repeats)
    ]


def resident(pid: int) -> dict[str, float]:
    """Return resident and peak megabytes of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines if line.startswith(("VmRSS", "VmHWM")))
    return {name: int(value.split()[0]) / 1000 for name, value in found.items()}


def report(what: str, times: list[float], bar: float) -> None:
    low, median, high = min(times), statistics.median(times), max(times)
    print(f"  {what}: median {median:.2f} s ({low:.2f} to {high:.2f}), bar {bar:g} s", flush=True)


def measure(browser: Browser, home: Path, dataset: str, kind: str, repeats: int) -> None:
    address = f"samples?dataset={dataset}"
    starting, clicked, linked = [], [], []
    for _ in range(STARTS):
        for times, how in ((starting, "start"), (clicked, "click"), (linked, "link")):
            with live_app(home) as app:
                visit = Visit(browser, app)
                if how != "start":
                    visit.home()
                times.append(visit.click(kind) if how == "click" else visit.open(address, kind))
                visit.page.close()
    print(f"  opening Samples while the server starts: {statistics.median(starting):.2f} s")
    report("opening Samples for the first time, from Home", clicked, 2)
    report("opening Samples for the first time, by a link", linked, 2)
    with live_app(home) as app, ExitStack() as stack:
        first = Visit(browser, app)
        stack.callback(first.page.close)
        first.open(address, kind)
        report("opening Samples again", [first.open(address, kind) for _ in range(3)], 2)
        first.received = 0
        turned = next_pages(first, kind, repeats)
        report("next page", turned, 0.5)
        each = first.received / len(turned) / 1e6
        print(f"  bytes for a page, the next one fetched ahead: {each:.3f} MB, bar 1 MB")
        first.open(address, kind)
        report("filter by histogram", histogram(first, kind, repeats), 0.7)
        first.open(f"{address}&with=map", kind)
        times, held = lasso(first, kind, repeats)
        report(f"lasso of {min(held):,} to {max(held):,} points", times, 1)
        report("verdict to next sample", verdicts(first, dataset, 2 * repeats), 0.3)
        for number in range(1, SESSIONS):
            other = Visit(browser, app)
            stack.callback(other.page.close)
            other.open(f"{address}&with=map&page={number + 1}", kind)
            next_pages(other, kind, 2)
        memory = resident(app.pid)
        print(
            f"  server with {SESSIONS} sessions: {memory['VmRSS']:,.0f} MB, peak "
            f"{memory['VmHWM']:,.0f} MB, bar 1,500 MB",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--pictures", type=int, default=60_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=("pictures", "rows"))
    asked = parser.parse_args()
    with sync_playwright() as playwright, ExitStack() as stack:
        home = asked.home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        browser = playwright.chromium.launch(executable_path=find(), args=list(ARGUMENTS))
        for what, size in (("pictures", asked.pictures), ("rows", asked.rows)):
            if asked.only in (None, what):
                dataset = prepare(home / what, what, size)
                print(f"{size:,} {what}:", flush=True)
                measure(browser, home / what, dataset, what, asked.repeats)
        browser.close()


if __name__ == "__main__":
    main()
