"""Corrected copies of images: what was decided changes, and nothing else."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from corrected import contents, decide, digest

from dvaudit.core.errors import UnreadableInputError, UnsuitableDataError
from dvaudit.readers import load, write_corrected


def test_images_move_to_their_new_class_folder(
    make_zip: Callable[..., Path], pets: dict[str, bytes], tmp_path: Path
) -> None:
    files = {"w/" + name: content for name, content in pets.items()}
    path = make_zip({**files, "w/README.md": "hello", "w/.hidden": "x"})
    before = digest(path)
    data = load(path)
    verdicts = decide(
        **{
            "w/cat/2.png": "=dog",
            "w/dog/1.png": "drop",
            "w/dog/2.png": "=bird",
            "w/cat/1.png": "unsure",
        }
    )
    notes: list[str] = []
    out = write_corrected(data, verdicts, tmp_path / "out", notes=notes)
    assert out == tmp_path / "out" / "photos-corrected.zip"
    assert contents(out) == {
        "w/cat/1.png": files["w/cat/1.png"],
        "w/dog/2.png": files["w/cat/2.png"],  # its own place is free: the other one has moved
        "w/bird/2.png": files["w/dog/2.png"],
        "w/README.md": b"hello",
        "w/.hidden": b"x",
    }
    assert notes == []
    assert digest(path) == before
    assert list(load(out).label_text()) == ["cat", "dog", "bird"]


def test_a_name_that_is_taken_is_made_unique_and_noted(
    make_zip: Callable[..., Path], pets: dict[str, bytes], tmp_path: Path
) -> None:
    data = load(make_zip(pets))
    notes: list[str] = []
    out = write_corrected(data, decide(**{"cat/1.png": "=dog"}), tmp_path / "out", notes=notes)
    found = contents(out)
    assert found["dog/1.png"] == pets["dog/1.png"]
    assert found["dog/1-2.png"] == pets["cat/1.png"]
    assert "dog/1-2.png" in notes[0]


def test_compression_and_times_are_kept(tmp_path: Path, png: Callable[..., bytes]) -> None:
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, kind in (("a/1.png", zipfile.ZIP_STORED), ("b/2.png", zipfile.ZIP_DEFLATED)):
            info = zipfile.ZipInfo(name, (2001, 2, 3, 4, 5, 6))
            info.compress_type = kind
            archive.writestr(info, png(1))
        archive.writestr("b/3.png", png(3))
    out = write_corrected(load(path), decide(**{"b/3.png": "drop"}), tmp_path / "out")
    with zipfile.ZipFile(out) as archive:
        infos = {info.filename: info for info in archive.infolist()}
    assert infos["a/1.png"].compress_type == zipfile.ZIP_STORED
    assert infos["b/2.png"].compress_type == zipfile.ZIP_DEFLATED
    assert infos["a/1.png"].date_time == (2001, 2, 3, 4, 5, 6)


def test_labels_csv_changes_in_one_cell(
    make_zip: Callable[..., Path], png: Callable[..., bytes], tmp_path: Path
) -> None:
    table = '\ufeffpath;label;who\r\n"i/1.png";cat;"a;b"\r\ni/2.png; dog ;c\r\ni/3.png;cat;d\r\n'
    files = {f"i/{i}.png": png(i) for i in (1, 2, 3, 4)}
    data = load(make_zip({"labels.csv": table, **files}))
    verdicts = decide(**{"i/1.png": "=dog", "i/3.png": "drop"})
    out = contents(write_corrected(data, verdicts, tmp_path / "out"))
    assert out.pop("labels.csv").decode() == (
        '\ufeffpath;label;who\r\n"i/1.png"; dog ;"a;b"\r\ni/2.png; dog ;c\r\n'
    )
    del files["i/3.png"]
    assert out == files


def test_a_folder_is_written_as_a_zip(
    make_folder: Callable[..., Path], pets: dict[str, bytes], tmp_path: Path
) -> None:
    data = load(make_folder(pets))
    out = write_corrected(data, {}, tmp_path / "out")
    assert contents(out) == pets
    assert load(out).fingerprint == data.fingerprint
    moved = write_corrected(data, decide(**{"cat/1.png": "=bird"}), tmp_path / "out")
    assert contents(moved)["bird/1.png"] == pets["cat/1.png"]


def test_a_damaged_member_is_left_out_and_noted(
    make_zip: Callable[..., Path], pets: dict[str, bytes], tmp_path: Path
) -> None:
    path = make_zip(pets)
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 16] ^= 0xFF
    path.write_bytes(data)
    notes: list[str] = []
    out = write_corrected(
        load(path), decide(**{"cat/1.png": "drop"}), tmp_path / "out", notes=notes
    )
    assert set(contents(out)) == {"cat/2.png", "dog/1.png"}
    assert "dog/2.png is left out" in notes[0]


@pytest.mark.parametrize("label", ["a/b", "..", "a\\b", "con", "a\nb"])
def test_labels_that_cannot_be_folders_are_refused(
    make_zip: Callable[..., Path], pets: dict[str, bytes], tmp_path: Path, label: str
) -> None:
    with pytest.raises(UnsuitableDataError, match="class folder"):
        write_corrected(
            load(make_zip(pets)), decide(**{"cat/1.png": "=" + label}), tmp_path / "out"
        )
    assert list((tmp_path / "out").iterdir()) == []


def test_images_that_changed_since_are_refused(
    make_folder: Callable[..., Path],
    pets: dict[str, bytes],
    png: Callable[..., bytes],
    tmp_path: Path,
) -> None:
    path = make_folder(pets)
    data = load(path)
    (path / "dog" / "1.png").write_bytes(png(99))
    with pytest.raises(UnreadableInputError, match=r"dog/1\.png.*has changed"):
        write_corrected(data, {}, tmp_path / "out")
    (path / "dog" / "1.png").unlink()
    with pytest.raises(UnreadableInputError, match="has changed"):
        write_corrected(data, decide(**{"cat/1.png": "=dog"}), tmp_path / "out")


def test_a_dataset_record_is_enough_to_write(
    make_zip: Callable[..., Path], pets: dict[str, bytes], tmp_path: Path
) -> None:
    data = load(make_zip(pets))
    assert json.loads(json.dumps(dict(data.origin.options))) == data.origin.options
