"""Archives from strangers: what is refused, and that it is refused by name."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dvaudit.core.errors import UnreadableInputError
from dvaudit.readers import archive, load, preview


def both_refuse(path: Path, pattern: str) -> None:
    for read in (load, preview):
        with pytest.raises(UnreadableInputError, match=pattern):
            read(path)


@pytest.mark.parametrize(
    "name",
    [
        "../evil.png",
        "cat/../../evil.png",
        "/etc/evil.png",
        "C:/evil.png",
        "cat\\evil.png",
        "cat/a\x07b.png",
        "aux/1.png",
        "cat/con.png",
        "d/" * 40 + "1.png",
        "n" * 600 + ".png",
        "../readme.txt",
    ],
)
def test_unsafe_names_refuse_the_archive(
    make_zip: Callable[..., Path], pets: dict[str, bytes], png: Callable[..., bytes], name: str
) -> None:
    both_refuse(make_zip({**pets, name: png(9)}), "is refused")


def test_a_zero_byte_in_a_name_is_seen(make_zip: Callable[..., Path], pets: object) -> None:
    path = make_zip(pets)
    path.write_bytes(path.read_bytes().replace(b"cat/2.png", b"cat/2\x00png"))
    both_refuse(path, "control characters")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_are_refused(
    make_zip: Callable[..., Path], pets: dict[str, bytes], kind: int
) -> None:
    path = make_zip(pets)
    info = zipfile.ZipInfo("cat/link.png")
    info.create_system = 3
    info.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(path, "a") as opened:
        opened.writestr(info, "/etc/passwd")
    both_refuse(path, r"cat/link\.png.*link or a device")


def test_encrypted_entries_are_refused(make_zip: Callable[..., Path], pets: object) -> None:
    path = make_zip(pets)
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 8] |= 1
    path.write_bytes(data)
    both_refuse(path, "is encrypted")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("twin", ["é/1.png", "e\u0301/1.png"])
def test_one_name_twice_is_refused(
    make_zip: Callable[..., Path], png: Callable[..., bytes], twin: str
) -> None:
    path = make_zip({"é/1.png": png(1)})
    with zipfile.ZipFile(path, "a") as opened:
        opened.writestr(twin, png(2))
    both_refuse(path, "more than once")


def test_a_bomb_is_refused_by_its_ratio(make_zip: Callable[..., Path], pets: object) -> None:
    both_refuse(make_zip({**pets, "cat/bomb.png": bytes(64 << 20)}), "zip bomb")


def test_overlapping_entries_are_refused(tmp_path: Path, png: Callable[..., bytes]) -> None:
    content = png(1)
    path = tmp_path / "overlap.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as opened:
        opened.writestr("a/1.png", content)
        opened.writestr("a/2.png", content)
    data = bytearray(path.read_bytes())
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    struct.pack_into("<I", data, second + 42, 0)  # its local header is the first one's
    path.write_bytes(data)
    both_refuse(path, "overlap")


def test_a_lying_size_is_listed_as_damaged(
    make_zip: Callable[..., Path], pets: dict[str, bytes], png: Callable[..., bytes]
) -> None:
    path = make_zip({**pets, "dog/liar.png": png(5, 64)})
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, entry + 24, 100)
    path.write_bytes(data)
    data_set = load(path)
    assert set(data_set.ids) == set(pets)
    assert [item.name for item in data_set.unreadable] == ["dog/liar.png"]
    assert "damaged" in data_set.unreadable[0].reason


def test_a_member_with_a_wrong_checksum_is_listed(
    make_zip: Callable[..., Path], pets: dict[str, bytes]
) -> None:
    path = make_zip(pets)
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.rindex(b"PK\x01\x02") + 16, 0)
    path.write_bytes(data)
    assert [item.name for item in load(path).unreadable] == ["dog/2.png"]


@pytest.mark.parametrize("limit", ["MAX_ENTRIES", "MAX_TOTAL", "MAX_FILE"])
def test_limits(
    make_zip: Callable[..., Path],
    pets: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
) -> None:
    monkeypatch.setattr(archive, limit, 3)
    with pytest.raises(UnreadableInputError):
        load(make_zip(pets))


@pytest.mark.parametrize("content", [b"not a zip", b"PK\x03\x04 broken", b""])
def test_what_is_no_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photos.zip"
    path.write_bytes(content)
    both_refuse(path, r"photos\.zip")


def test_a_zip_that_is_cut_off_is_said_to_be(
    make_zip: Callable[..., Path], pets: dict[str, bytes]
) -> None:
    path = make_zip(pets)
    path.write_bytes(path.read_bytes()[:-60])
    both_refuse(path, r"photos\.zip seems to be cut off after [\d,]+ bytes")


def test_an_empty_zip_is_refused(make_zip: Callable[..., Path]) -> None:
    both_refuse(make_zip({}), "no images")


def test_names_in_utf8_without_the_flag_are_read_as_utf8(
    make_zip: Callable[..., Path], png: Callable[..., bytes]
) -> None:
    path = make_zip({"K__se/1.png": png(1)})
    path.write_bytes(path.read_bytes().replace(b"K__se", "Käse".encode()))
    assert load(path).ids == ("Käse/1.png",)
    assert load(path).images.read(0) == png(1)
