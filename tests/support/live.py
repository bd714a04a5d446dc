"""The app as a process of its own, on a free port and a workspace of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0


@dataclass(frozen=True)
class LiveApp:
    """A running app: its address, process id and workspace folder."""

    address: str
    pid: int
    home: Path


@contextmanager
def live_app(home: Path) -> Iterator[LiveApp]:
    """Run the app over the workspace `home` until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    environment = {**os.environ, "DVAUDIT_HOME": str(home)}
    home.mkdir(parents=True, exist_ok=True)
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _await_health(f"http://127.0.0.1:{port}/api/health", home / "server.log")
            yield LiveApp(f"http://127.0.0.1:{port}", process.pid, home)
        finally:
            process.terminate()
            process.wait(30)


def _await_health(url: str, log: Path) -> None:
    end, pause = time.monotonic() + START_SECONDS, threading.Event()
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pause.wait(0.2)
    raise TimeoutError(f"the app did not start:\n{log.read_text(errors='replace')[-2000:]}")
