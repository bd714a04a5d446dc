"""Find a Chromium for the browser tests; as a script, install one where that is possible."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find() -> str | None:
    """Return the path of a Chromium: DVAUDIT_BROWSER, the system's, or Playwright's own."""
    named = os.environ.get("DVAUDIT_BROWSER")
    if named:
        return named
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return path
    return _playwrights()


def _playwrights() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def _install() -> None:
    """Try Playwright's download, then the distribution's packages; both may be impossible."""
    attempts = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and os.geteuid() == 0:
        attempts.insert(0, ["apt-get", "install", "-y", "-qq", "chromium"])
        attempts.insert(0, ["apt-get", "update", "-qq"])
    for command in attempts:
        if find():
            return
        print("$", " ".join(command), flush=True)
        subprocess.run(command, check=False, timeout=600, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    if not find():
        _install()
    print("browser tests use", find() or "no browser: they are skipped, or fail where CI=true")
