"""Thumbnails, originals and headers over HTTP."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from served import Served

from dvaudit import readers
from dvaudit.core.errors import UnreadableInputError
from dvaudit.server import originals, tokens


def _pack(served: Served, positions: str, token: str | None = None) -> str:
    token = tokens.mint(tokens.reading(served.dataset)) if token is None else token
    return f"/api/pack?dataset={served.dataset}&positions={positions}&token={token}"


def _image(served: Served, position: object, dataset: str | None = None) -> str:
    token = tokens.mint(tokens.reading(dataset or served.dataset))
    return f"/api/image/{dataset or served.dataset}/{position}?token={token}"


def test_health_answers_when_the_workspace_is_open(served: Served) -> None:
    reply = served.get("/api/health")
    assert (reply.status, reply.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("/home", "./"),
        ("/home?dataset=d0001&run=r0002", "./?dataset=d0001&run=r0002"),
        ("/home?note=%C3%BC%20%26&x=//evil.example", "./?note=%C3%BC%20%26&x=//evil.example"),
    ],
)
def test_the_name_of_the_start_page_leads_to_it_with_its_query(
    served: Served, address: str, place: str
) -> None:
    reply = served.get(address)
    assert (reply.status, reply.headers["location"]) == (307, place)


def test_pack_holds_the_thumbnails_in_the_order_asked_for(served: Served) -> None:
    reply = served.get(_pack(served, "4,0,0"))
    lengths = struct.unpack("<3I", reply.content[:12])
    with served.ws.thumbnails(served.dataset) as thumbnails:
        expected = [thumbnails.read(position) for position in (4, 0, 0)]
    assert lengths == tuple(map(len, expected))
    assert reply.content[12:] == b"".join(expected)
    assert reply.headers["cache-control"] == "private, max-age=86400, immutable"


@pytest.mark.parametrize(
    ("positions", "status"),
    [("", 400), ("1,", 400), ("-1", 400), ("1e3", 400), ("٣", 400), ("9" * 13, 400), ("6", 404)],
)
def test_pack_refuses_what_is_no_row_of_the_dataset(
    served: Served, positions: str, status: int
) -> None:
    reply = served.get(_pack(served, positions))
    assert reply.status == status
    assert reply.json()["error"]


def test_pack_refuses_more_than_a_page(served: Served) -> None:
    assert served.get(_pack(served, ",".join(["1"] * 501))).status == 400
    assert served.get(_pack(served, ",".join(["1"] * 500))).status == 200


@pytest.mark.parametrize("purpose", ["read d9999", tokens.UPLOAD])
def test_a_token_opens_only_what_it_was_minted_for(served: Served, purpose: str) -> None:
    assert served.get(_pack(served, "0", tokens.mint(purpose))).status == 403
    assert served.get(_pack(served, "0", "")).status == 403
    stale = served.get(f"/api/image/{served.dataset}/0?token={tokens.mint(purpose)}")
    assert stale.status == 403
    assert "Reload" in stale.json()["error"]


def test_an_unknown_dataset_is_not_found(served: Served) -> None:
    assert served.get(_image(served, 0, "d9999")).status == 404
    token = tokens.mint(tokens.reading("d9999"))
    assert served.get(f"/api/pack?dataset=d9999&positions=0&token={token}").status == 404


def test_originals_come_byte_for_byte_with_their_own_type(served: Served) -> None:
    for position, media_type in [(0, "image/png"), (1, "image/jpeg"), (2, "image/png")]:
        reply = served.get(_image(served, position))
        assert reply.content == served.files[position]
        assert reply.headers["content-type"] == media_type
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["content-security-policy"] == "default-src 'none'; sandbox"


def test_a_type_browsers_do_not_show_is_converted(served: Served) -> None:
    reply = served.get(_image(served, 4))
    assert reply.headers["content-type"] == "image/png"
    shown = np.asarray(Image.open(io.BytesIO(reply.content)))
    assert np.array_equal(shown, np.asarray(Image.open(io.BytesIO(served.files[4]))))


@pytest.mark.parametrize(("position", "status"), [("6", 404), ("x", 400), ("-1", 400)])
def test_an_image_outside_the_dataset_is_refused(
    served: Served, position: str, status: int
) -> None:
    assert served.get(_image(served, position)).status == status


def test_originals_follow_the_order_of_labels_csv(served: Served, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(4):
        (folder / f"{index}.png").write_bytes(served.files[index])
    rows = pd.DataFrame(
        {"path": ["3.png", "1.png", "0.png"], "label": ["a", "b", "a"], "id": ["x", "y", "z"]}
    )
    rows.to_csv(folder / "labels.csv", index=False)
    dataset = served.ws.add_dataset("photos", folder, copy=False, roles={"id": "id"}, task=None)
    data = readers.load(folder, roles={"id": "id"})
    served.ws.finish_dataset(dataset, data)
    assert data.ids == ("x", "y", "z")
    found = [served.get(_image(served, position, dataset)).content for position in range(3)]
    assert found == [served.files[index] for index in (3, 1, 0)]


def test_a_source_that_has_gone_is_said(served: Served) -> None:
    served.ws.dataset(served.dataset).source.unlink()
    reply = served.get(_image(served, 0))
    assert reply.status == 404
    assert "pets" in reply.json()["error"]


@pytest.mark.parametrize("data", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"", b"GIF"])
def test_what_is_no_picture_is_never_served(data: bytes) -> None:
    with pytest.raises(UnreadableInputError):
        originals.shown(data)


def test_every_reply_carries_the_security_headers(served: Served) -> None:
    for address in ("/api/health", "/nothing/here"):
        headers = served.get(address).headers
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "'unsafe-eval'" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
