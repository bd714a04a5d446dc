"""Serving the app: an address that cannot be listened on is refused before anything starts."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator

import pytest

from dvaudit import serving
from dvaudit.core.errors import SettingsError


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that something listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The commands that would have been run."""
    commands: list[object] = []

    class Started:
        def __init__(self, command: object, **_: object) -> None:
            commands.append(command)

        def wait(self) -> int:
            return 0

        def terminate(self) -> None:
            commands.append("terminate")

    monkeypatch.setattr("subprocess.Popen", Started)
    return commands


def test_a_taken_port_is_named_and_nothing_is_promised(
    taken: int, started: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SettingsError, match=rf"Port {taken} of 127.0.0.1 is taken.*--port"):
        serving.serve("127.0.0.1", taken)
    assert capsys.readouterr().out == ""
    assert started == []


def test_a_port_that_was_just_given_up_is_free(taken: int, started: list[object]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        free = int(other.getsockname()[1])
    assert serving.serve("127.0.0.1", free) == 0
    assert len(started) == 1


@pytest.mark.parametrize(("address", "port"), [("192.0.2.1", 8501), ("127.0.0.1", 99_999)])
def test_an_address_that_is_not_here_is_refused(address: str, port: int) -> None:
    with pytest.raises(SettingsError, match=rf"cannot listen at {address}, port {port}"):
        serving.serve(address, port)


def test_being_terminated_ends_the_app(
    taken: int, started: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        free = int(other.getsockname()[1])

    def wait(_: object) -> int:
        signal.raise_signal(signal.SIGTERM)
        return 15

    monkeypatch.setattr("subprocess.Popen.wait", wait)
    before = signal.getsignal(signal.SIGTERM)
    assert serving.serve("127.0.0.1", free) == 15
    assert started[-1] == "terminate"
    assert signal.getsignal(signal.SIGTERM) is before
