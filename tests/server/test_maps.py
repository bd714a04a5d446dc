"""Routes of embedding maps: places from the workspace, bytes that a page published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from appview import add_audit, add_table
from asgi import Reply, call
from starlette.applications import Starlette

from dvaudit.pipeline import PLANE
from dvaudit.server import ROUTES, tokens
from dvaudit.server.maps import Held, publish
from dvaudit.server.opened import workspace
from dvaudit.store import Workspace

PLACES = np.array([[0, 10_000], [7, 300], [65, 2]], dtype=np.uint16)


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    with Workspace(tmp_path / "home") as opened:
        monkeypatch.setattr("dvaudit.audits.workspace", lambda: opened)
        workspace.cache_clear()
        yield opened
        workspace.cache_clear()


@pytest.fixture
def audit(ws: Workspace, tmp_path: Path) -> tuple[str, str]:
    """A dataset and an audit of it that has a map."""
    dataset = add_table(ws, tmp_path)
    run = add_audit(ws, dataset)
    ws.save_findings(run, ws.run_samples(run), {}, {}, {}, {PLANE: PLACES})
    return dataset, run


def get(address: str, dataset: str, token: str | None = None) -> Reply:
    given = tokens.mint(tokens.reading(dataset)) if token is None else token
    return call(Starlette(routes=ROUTES), "GET", f"{address}?dataset={dataset}&token={given}")


def test_places_come_as_pairs_of_small_numbers(audit: tuple[str, str]) -> None:
    dataset, run = audit
    reply = get(f"/api/map/{run}/pca", dataset)
    assert reply.status == 200
    assert (np.frombuffer(reply.content, "<u2").reshape(-1, 2) == PLACES).all()
    assert "immutable" in reply.headers["cache-control"]


def test_a_map_needs_a_token_of_its_own_dataset(ws: Workspace, audit: tuple[str, str]) -> None:
    dataset, run = audit
    other = tokens.mint(tokens.reading("d0099"))
    for token in ("", "x", other):
        assert get(f"/api/map/{run}/pca", dataset, token).status == 403
        assert get("/api/published/abc", dataset, token).status == 403
    # A token of another dataset does not open this one's audit.
    assert get(f"/api/map/{run}/pca", "d0099").status == 404


@pytest.mark.parametrize("place", ["r0099/pca", "RUN/r0099", "RUN/RUN", "RUN/..", "x/pca"])
def test_a_map_that_is_not_there_is_not_found(audit: tuple[str, str], place: str) -> None:
    dataset, run = audit
    assert get(f"/api/map/{place.replace('RUN', run)}", dataset).status == 404


def test_published_bytes_come_back_for_their_dataset_alone(audit: tuple[str, str]) -> None:
    dataset, _ = audit
    key = publish(dataset, b"\x01\x82")
    assert get(f"/api/published/{key}", dataset).content == b"\x01\x82"
    assert get(f"/api/published/{key}", "d0099").status == 404
    assert get("/api/published/unknown", dataset).status == 404
    assert publish(dataset, b"\x01\x82") == key
    assert publish(dataset, b"\x01\x83") != key


def test_what_was_least_used_is_given_up_first() -> None:
    held = Held(10)
    one, two, three = ("d", "1"), ("d", "2"), ("d", "3")
    held.add(one, b"aaaa")
    held.add(two, b"bbbb")
    assert held.find(one) == b"aaaa"
    held.add(three, b"cccc")
    assert [held.find(key) for key in (one, two, three)] == [b"aaaa", None, b"cccc"]
    held.add(two, b"x" * 50)
    assert held.find(two) == b"x" * 50, "one that alone is above the limit is held"
    assert held.find(one) is None
