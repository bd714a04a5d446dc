"""The app under load: memory with 6,000 and 60,000 images, and page reruns while an audit runs.

For each size a zip of small images is generated, imported through the job queue of a running
server, and its pages opened in Chromium. Printed: seconds from upload to a ready dataset and to
the first page of pictures, the server's peak memory, and for the smaller set the times of page
reruns while an audit works, against reruns of an idle server in the same run.

    python benchmarks/app_load.py [--sizes 6000 60000] [--reruns 60]
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from browser import ARGUMENTS, find  # noqa: E402
from live import live_app  # noqa: E402

from dvaudit import audits  # noqa: E402
from dvaudit.store import RunStatus, Workspace  # noqa: E402

CLASSES, SIDE = 10, 32
SETTLED = '[data-testid="stApp"][data-test-script-state="notRunning"]'
# The state of a short rerun may never be drawn, so the pictures tell that it has happened.
FIRST = """() => [...document.querySelectorAll('[data-testid^="stBidi"]')]
  .map((node) => node.shadowRoot?.querySelector('.gallery .card')?.dataset.position)
  .find((position) => position !== undefined)"""
TURNED = f"""(first) => {{
  const now = ({FIRST})()
  return document.querySelector('{SETTLED}') && now !== undefined && now !== first
}}"""


def write_images(path: Path, count: int) -> None:
    """Write a zip of `count` small JPEG images in one folder per class."""
    rng = np.random.default_rng(count)
    bases = rng.integers(0, 255, (CLASSES, 8, 8, 3))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number in range(count):
            label = int(rng.integers(CLASSES))
            noisy = np.clip(bases[label] + rng.normal(0, 40, (8, 8, 3)), 0, 255).astype(np.uint8)
            buffer = io.BytesIO()
            Image.fromarray(noisy).resize((SIDE, SIDE)).save(buffer, "JPEG")
            archive.writestr(f"class{label}/{number:06d}.jpg", buffer.getvalue())


def peak_memory(pid: int) -> int:
    """Return the peak resident bytes of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise LookupError(pid)


def finish(ws: Workspace, run_id: str) -> float:
    """Wait for a run to end; return its seconds."""
    while (run := ws.run(run_id)).status.is_live:
        time.sleep(0.2)
    if run.status is not RunStatus.DONE or run.finished is None:
        raise RuntimeError(f"{run.kind} ended as {run.status}: {run.error}")
    return (run.finished - run.created).total_seconds()


def open_page(page: Page, url: str) -> float:
    """Open a page and wait until its script has run; return the seconds."""
    start = time.perf_counter()
    page.goto(url)
    page.wait_for_selector(SETTLED)
    return time.perf_counter() - start


def reruns(page: Page, count: int) -> np.ndarray:
    """Return the seconds of `count` page turns in the open samples page, pictures and all."""
    times = []
    for turn in range(count):
        name = "Next page" if turn % 2 == 0 else "Previous page"
        first = page.evaluate(FIRST)
        start = time.perf_counter()
        page.get_by_role("button", name=name).click()
        page.wait_for_function(TURNED, arg=first)
        times.append(time.perf_counter() - start)
    return np.array(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[6000, 60000])
    parser.add_argument("--reruns", type=int, default=60)
    asked = parser.parse_args()
    peaks = {}
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=find(), args=list(ARGUMENTS))
        for size in asked.sizes:
            home = Path(folder) / str(size)
            archive = Path(folder) / f"{size}.zip"
            write_images(archive, size)
            with live_app(home) as app, Workspace(home) as ws:
                run_id = audits.start_import(ws, archive, name=f"{size} images")
                ready = finish(ws, run_id)
                dataset = ws.run(run_id).dataset_id
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                first = open_page(page, f"{app.address}/data?dataset={dataset}")
                if size == min(asked.sizes):
                    finish(ws, audits.start_audit(ws, dataset))
                    open_page(page, f"{app.address}/samples?dataset={dataset}")
                    idle = reruns(page, asked.reruns)
                    # Settings that force a new factorisation, so that the audit takes a while.
                    live = audits.start_audit(ws, dataset, settings={"cg-score": {"ridge": 0.2}})
                    busy = reruns(page, asked.reruns)
                    state = ws.run(live).status
                    for name, times in (("idle", idle), (f"beside an audit ({state})", busy)):
                        low, high = np.percentile(times, [50, 95])
                        print(f"reruns, {name}: median {low:.2f} s, 95th percentile {high:.2f} s")
                peaks[size] = peak_memory(app.pid)
                print(
                    f"{size} images: ready after {ready:.1f} s, first page {first:.1f} s, "
                    f"server peak {peaks[size] / 1e6:.0f} MB",
                    flush=True,
                )
        browser.close()
    spread = (max(peaks.values()) - min(peaks.values())) / 1e6
    print(f"peak memory differs by {spread:.0f} MB (less than 200)")


if __name__ == "__main__":
    main()
