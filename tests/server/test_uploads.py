"""Uploads: streamed, named safely, limited, and nothing left behind after a refusal."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from asgi import Reply, call
from served import Served

from dvaudit.core.errors import NotFoundError
from dvaudit.server import tokens, uploads
from dvaudit.server.replies import RefusedError


def _put(
    served: Served,
    name: str,
    body: bytes | Iterator[bytes],
    token: str | None = None,
    *,
    hang_up: bool = False,
) -> Reply:
    headers = {
        "X-Upload-Token": tokens.mint(tokens.UPLOAD) if token is None else token,
        "X-File-Name": quote(name),
    }
    return call(served.app, "PUT", "/api/upload", body, headers, hang_up=hang_up)


def _left(served: Served) -> list[Path]:
    return [path for path in served.ws.uploads.rglob("*") if path.is_file()]


def test_an_upload_arrives_whole_and_is_found_by_its_reference(served: Served) -> None:
    body = os.urandom(300_000)
    reply = _put(served, "my photos é.zip", body).json()
    assert reply["bytes"] == len(body)
    assert reply["sha256"] == hashlib.sha256(body).hexdigest()
    path = uploads.resolve(served.ws.uploads, reply["upload"])
    assert path.read_bytes() == body
    assert path.name == reply["name"] == "my photos é.zip"
    assert _left(served) == [path]


def test_two_uploads_of_one_name_stay_apart(served: Served) -> None:
    first, second = (_put(served, "a.csv", body).json()["upload"] for body in (b"1", b"22"))
    assert uploads.resolve(served.ws.uploads, first).read_bytes() == b"1"
    assert uploads.resolve(served.ws.uploads, second).read_bytes() == b"22"


@pytest.mark.parametrize("token", ["", "1.abc", "read"])
def test_without_an_upload_token_nothing_is_taken(served: Served, token: str) -> None:
    other = tokens.mint("read d0001") if token == "read" else token
    assert _put(served, "a.csv", b"x", other).status == 403
    assert _left(served) == []


def test_too_large_is_refused_by_its_announced_size(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVAUDIT_MAX_UPLOAD", "1000")
    assert _put(served, "a.csv", b"x" * 1000).status == 200
    reply = _put(served, "b.csv", b"x" * 1001)
    assert reply.status == 413
    assert "DVAUDIT_MAX_UPLOAD" in reply.json()["error"]
    assert [path.name for path in _left(served)] == ["a.csv"]


def test_too_large_is_refused_while_it_streams(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVAUDIT_MAX_UPLOAD", "1000")
    reply = _put(served, "a.csv", (b"x" * 400 for _ in range(4)))
    assert reply.status == 413
    assert list(served.ws.uploads.iterdir()) == []


def test_an_empty_file_is_refused(served: Served) -> None:
    reply = _put(served, "a.csv", b"")
    assert reply.status == 400
    assert "empty" in reply.json()["error"]
    assert list(served.ws.uploads.iterdir()) == []


def test_a_lost_connection_leaves_nothing(served: Served) -> None:
    _put(served, "a.csv", iter([b"x" * 400]), hang_up=True)
    assert list(served.ws.uploads.iterdir()) == []


def test_no_room_on_the_disk_is_said_before_anything_is_sent(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "_RESERVE", 1 << 62)
    reply = _put(served, "a.csv", b"x")
    assert reply.status == 507
    assert "DVAUDIT_HOME" in reply.json()["error"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\a.zip", "a.zip"),
        ("..a\n.csv", "a.csv"),
        (".hidden", "hidden"),
        ("e\u0301.zip", "é.zip"),
        ("ä" * 300 + ".zip", "ä" * 88 + ".zip"),
        ("x" * 300, "x" * 180),
    ],
)
def test_names_lose_folders_and_tricks(given: str, expected: str) -> None:
    assert uploads.safe_name(given) == expected


@pytest.mark.parametrize("name", ["", "..", "/", "\n"])
def test_a_name_with_nothing_left_is_refused(name: str) -> None:
    with pytest.raises(RefusedError):
        uploads.safe_name(name)


@pytest.mark.parametrize(
    "reference", ["", "a.csv", "../state.db", "0" * 24 + "/../../state.db", "0" * 24 + "/none"]
)
def test_a_reference_reaches_nothing_but_uploads(served: Served, reference: str) -> None:
    with pytest.raises(NotFoundError):
        uploads.resolve(served.ws.uploads, reference)


def test_a_partial_file_is_no_upload(served: Served) -> None:
    folder = served.ws.uploads / ("a" * 24)
    folder.mkdir()
    (folder / ".b.csv.part").write_bytes(b"x")
    with pytest.raises(NotFoundError):
        uploads.resolve(served.ws.uploads, f"{'a' * 24}/.b.csv.part")


def test_uploads_nobody_imported_go_after_two_days(served: Served) -> None:
    kept = _put(served, "a.csv", b"x").json()["upload"]
    (served.ws.uploads / "not ours").mkdir()
    uploads.remove_stale(served.ws.uploads)
    assert uploads.resolve(served.ws.uploads, kept)
    uploads.remove_stale(served.ws.uploads, time.time() + uploads.STALE + 60)
    assert [path.name for path in served.ws.uploads.iterdir()] == ["not ours"]
