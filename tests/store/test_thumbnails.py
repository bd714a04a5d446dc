"""Thumbnails: size, format, random access, pictures that cannot be shown."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
from datasets_in_memory import image_dataset, picture
from PIL import Image

from dvaudit.core.errors import NotFoundError
from dvaudit.store import Thumbnails, Workspace, WorkspaceError, media_type
from dvaudit.store.thumbnails import BATCH, thumbnail, write_thumbnails


@pytest.mark.parametrize(
    ("mode", "size", "shown", "form", "shown_mode"),
    [
        ("RGB", (400, 200), (128, 64), "JPEG", "RGB"),
        ("RGB", (100, 90), (100, 90), "JPEG", "RGB"),
        ("RGB", (32, 24), (32, 24), "PNG", "RGB"),
        ("L", (300, 300), (128, 128), "PNG", "L"),
        ("RGBA", (200, 400), (64, 128), "PNG", "RGBA"),
        ("RGB", (3000, 2), (128, 1), "JPEG", "RGB"),
    ],
)
def test_size_and_format(
    mode: str, size: tuple[int, int], shown: tuple[int, int], form: str, shown_mode: str
) -> None:
    made = thumbnail(picture(mode, size))
    with Image.open(io.BytesIO(made)) as image:
        assert (image.size, image.format, image.mode) == (shown, form, shown_mode)
    assert media_type(made) == f"image/{form.lower()}"


@pytest.mark.parametrize("mode", ["1", "P", "CMYK", "LA"])
def test_every_mode_can_be_shown(mode: str) -> None:
    out = io.BytesIO()
    Image.new(mode, (10, 10)).save(out, "TIFF")
    with Image.open(io.BytesIO(thumbnail(out.getvalue()))) as image:
        assert image.mode in ("L", "RGB", "RGBA")


def test_small_pictures_lose_no_pixel() -> None:
    out = io.BytesIO()
    original = Image.effect_noise((28, 28), 90).convert("RGB")
    original.save(out, "BMP")
    with Image.open(io.BytesIO(thumbnail(out.getvalue()))) as image:
        assert image.tobytes() == original.tobytes()


def test_random_access_over_batches(tmp_path: Path) -> None:
    path, n = tmp_path / "t.arrow", 2 * BATCH + 500
    write_thumbnails(path, (str(i).encode() for i in range(n)))
    with Thumbnails(path) as opened:
        assert len(opened) == n
        positions = [0, BATCH - 1, BATCH, 2 * BATCH, n - 1]
        assert [opened.read(i) for i in positions] == [str(i).encode() for i in positions]
        for outside in (-1, n):
            with pytest.raises(NotFoundError, match=str(outside)):
                opened.read(outside)
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(opened.read, range(n))) == [str(i).encode() for i in range(n)]


def test_writing_holds_one_batch_at_most(tmp_path: Path) -> None:
    path, sizes = tmp_path / "t.arrow", []

    def items() -> Iterator[bytes]:
        for i in range(3 * BATCH):
            if i % BATCH == 1:  # what came before this batch is in the file
                sizes.append(path.stat().st_size)
            yield b"x" * 5000

    write_thumbnails(path, items())
    assert [size // (BATCH * 5000) for size in sizes] == [0, 1, 2]


def test_empty_file_has_no_thumbnails(tmp_path: Path) -> None:
    write_thumbnails(tmp_path / "t.arrow", [])
    with Thumbnails(tmp_path / "t.arrow") as opened:
        assert len(opened) == 0


def test_unreadable_picture_gets_a_placeholder_and_a_note(ws: Workspace, source: Path) -> None:
    dataset_id = ws.add_dataset("pets", source, copy=False, roles={}, task=None)
    reports: list[tuple[float, str]] = []
    files = [picture(), b"no picture", picture()]
    ws.finish_dataset(dataset_id, image_dataset(files), lambda *report: reports.append(report))
    assert ws.dataset(dataset_id).notes[-1] == "Pictures without a thumbnail: 1 (1.png)."
    with ws.thumbnails(dataset_id) as opened:
        assert [media_type(opened.read(i)) for i in range(3)] == ["image/png"] * 3
        assert len({opened.read(0), opened.read(1), opened.read(2)}) == 2
    fractions = [fraction for fraction, _ in reports]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.arrow"
    path.write_bytes(b"nothing of the kind, but long enough")
    with pytest.raises(WorkspaceError, match="damaged"):
        Thumbnails(path)
    schema = pa.schema([pa.field("thumbnail", pa.binary())], metadata={"schema_version": "9"})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema):
        pass
    with pytest.raises(WorkspaceError, match="schema version"):
        Thumbnails(path)
