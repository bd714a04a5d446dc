"""Starting the web app: where its screens lie, and the command that serves them."""

from __future__ import annotations

import errno
import signal
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path

from dvaudit.core.errors import NotFoundError, SettingsError


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


def require_free(address: str, port: int) -> None:
    """Refuse an address and port that the app could not listen on.

    Raises:
        SettingsError: the port is taken or not permitted, or the address is not this machine's.
    """
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, target = found[0]
        with socket.socket(family, kind, protocol) as trial:
            # As the server does: connections of one that was just stopped do not hold the port.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((target[0], port, *target[2:]))  # getaddrinfo takes the port modulo 65,536
    except (OSError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"Port {port} of {address} is taken by another program, perhaps by dvaudit itself. "
                "Choose another port with --port."
            ) from error
        raise SettingsError(
            f"The app cannot listen at {address}, port {port}: {error}. "
            "Choose others with --address and --port."
        ) from error


def serve(address: str, port: int) -> int:
    """Serve the app until it is stopped; return its exit status.

    Raises:
        SettingsError: the address cannot be listened on, most often because the port is taken.
    """
    folder = app_folder()
    require_free(address, port)
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
    # Streamlit reads .streamlit/config.toml from the folder it runs in.
    app = subprocess.Popen(command, cwd=folder)
    before = signal.signal(signal.SIGTERM, lambda *_: app.terminate())
    try:
        return app.wait()
    except KeyboardInterrupt:
        app.wait()  # Ctrl+C reached it, too
        return 0
    finally:
        signal.signal(signal.SIGTERM, before)
