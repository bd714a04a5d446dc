"""Starting the web app: where its screens lie, and the command that serves them."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

from dvaudit.core.errors import NotFoundError


def app_folder() -> Path:
    """Return the folder of app.py: the checkout, or share/dvaudit of an installation.

    Raises:
        NotFoundError: app.py is in neither.
    """
    places = (
        Path(__file__).resolve().parents[1],
        Path(sysconfig.get_path("data")) / "share" / "dvaudit",
    )
    for place in places:
        if (place / "app.py").is_file():
            return place
    raise NotFoundError(
        f"app.py is not in {' or '.join(str(place) for place in places)}; reinstall dvaudit."
    )


def serve(address: str, port: int) -> int:
    """Serve the app until it is stopped; return its exit status."""
    folder = app_folder()
    print(f"dvaudit is at http://{address}:{port}  (stop with Ctrl+C)", flush=True)
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "app.py",
        f"--server.address={address}",
        f"--server.port={port}",
        "--server.headless=true",
        # Without this Streamlit refuses requests by another host name than localhost.
        f"--server.allowedHosts={address}",
        "--server.allowedHosts=localhost",
        "--server.allowedHosts=127.0.0.1",
    ]
    try:
        # Streamlit reads .streamlit/config.toml from the folder it runs in.
        return subprocess.run(command, cwd=folder, check=False).returncode
    except KeyboardInterrupt:
        return 0
