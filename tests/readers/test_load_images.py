"""Loading zips and folders of images."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import unicodedata
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dvaudit.core.dataset import Dataset, ImageSource, Kind, Role, Task
from dvaudit.core.errors import MissingSourceError, SettingsError, UnreadableInputError
from dvaudit.core.progress import Cancelled, Progress
from dvaudit.readers import load, verify


def texts(data: Dataset) -> list[object]:
    return list(data.label_text())


def reasons(data: Dataset) -> dict[str, str]:
    return {item.name: item.reason for item in data.unreadable}


@pytest.fixture(params=["zip", "folder"])
def make(request: pytest.FixtureRequest, make_zip: object, make_folder: object) -> object:
    """Build the same files as a zip and as a folder."""
    return make_zip if request.param == "zip" else make_folder


def test_class_folders(make: Callable[..., Path], pets: dict[str, bytes]) -> None:
    path = make(pets)
    data = load(path)
    assert (data.kind, data.task, data.name) == (Kind.IMAGE, Task.CLASSIFICATION, "photos")
    assert data.class_names == ("cat", "dog")
    assert dict(zip(data.ids, texts(data), strict=True)) == {k: k[:3] for k in pets}
    assert data.images is not None
    for i, name in enumerate(data.ids):
        assert data.images.read(i) == pets[name]
        assert data.hashes[i] == hashlib.sha256(pets[name]).hexdigest()
    assert data.unreadable == ()
    assert load(path).fingerprint == data.fingerprint


@pytest.mark.parametrize("prefix", ["photos/", "a/b c/", "train/"])
def test_wrapper_folders_are_no_class(
    make: Callable[..., Path], pets: dict[str, bytes], prefix: str
) -> None:
    data = load(make({prefix + name: content for name, content in pets.items()}))
    assert data.class_names == ("cat", "dog")
    assert all(name.startswith(prefix) for name in data.ids)


def test_the_class_is_the_folder_directly_above(make: Callable[..., Path], png: object) -> None:
    data = load(make({"train/cat/1.png": png(1), "val/cat/2.png": png(2), "val/dog/3.png": png(3)}))
    assert sorted(texts(data)) == ["cat", "cat", "dog"]


def test_an_image_above_the_class_folders_is_listed(
    make: Callable[..., Path], pets: dict[str, bytes], png: object
) -> None:
    files = {"w/" + name: content for name, content in pets.items()}
    data = load(make({**files, "w/stray.png": png(9)}))
    assert len(data) == 4
    assert "above the class folders" in reasons(data)["w/stray.png"]


def test_images_without_folders_have_no_labels(make: Callable[..., Path], png: object) -> None:
    data = load(make({"1.png": png(1), "2.png": png(2)}))
    assert data.task is Task.UNSUPERVISED
    assert data.labels is None
    assert any("no class folders" in note for note in data.notes)


def test_one_folder_is_one_class_and_says_so(make: Callable[..., Path], png: object) -> None:
    data = load(make({"cat/1.png": png(1), "cat/2.png": png(2)}))
    assert data.class_names == ("cat",)
    assert any("one class" in note for note in data.notes)


def test_integer_folders_sort_as_numbers(make: Callable[..., Path], png: object) -> None:
    data = load(make({f"{i}/x.png": png(i) for i in (10, 9, 0, 2)}))
    assert data.class_names == ("0", "2", "9", "10")
    assert texts(data) == [name.split("/")[0] for name in data.ids]


def test_a_folder_named_like_a_missing_value_is_a_class(
    make: Callable[..., Path], png: object
) -> None:
    data = load(make({"NA/1.png": png(1), "null/2.png": png(2)}))
    assert data.class_names == ("NA", "null")


def test_names_with_unicode_spaces_and_quotes(make: Callable[..., Path], png: object) -> None:
    names = ["Käse & Brot/ein 'Bild'.png", '猫/"zwei".png', "o'neil/drei\u200b;,.png"]
    data = load(make({name: png(i) for i, name in enumerate(names)}))
    assert set(data.ids) == set(names)
    assert set(data.class_names) == {"Käse & Brot", "猫", "o'neil"}


def test_folders_that_differ_in_unicode_form_are_one_class(
    make: Callable[..., Path], png: object
) -> None:
    composed, split = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    data = load(make({f"{composed}/1.png": png(1), f"{split}/2.png": png(2)}))
    assert data.class_names == (composed,)


def test_what_cannot_be_read_is_listed_and_the_rest_loads(
    make: Callable[..., Path], pets: dict[str, bytes], png: Callable[..., bytes]
) -> None:
    bad = {
        "cat/text.png": b"this is text",
        "cat/cut.png": png(5, 64)[:-800],
        "dog/empty.png": b"",
        "README.md": b"# hello",
        "more.zip": b"PK",
    }
    litter = {
        "cat/.hidden.png": b"",
        "__MACOSX/cat/._1.png": b"",
        "cat/Thumbs.db": b"",
        ".git/x": b"",
    }
    data = load(make({**pets, **bad, **litter}))
    assert set(data.ids) == set(pets)
    found = reasons(data)
    assert set(found) == set(bad)
    assert "not a picture" in found["cat/text.png"]
    assert "cut off" in found["cat/cut.png"]
    assert "empty" in found["dog/empty.png"]
    assert "not an image" in found["README.md"]
    assert "archive" in found["more.zip"]


def test_nothing_readable_is_refused_with_reasons(make: Callable[..., Path]) -> None:
    with pytest.raises(UnreadableInputError, match=r"cat/1.png.*not a picture"):
        load(make({"cat/1.png": b"text"}))
    with pytest.raises(UnreadableInputError, match=r"no images.*notes\.txt"):
        load(make({"notes.txt": b"text"}, name="other.zip"))


def test_sizes_and_modes_are_noted_once(make: Callable[..., Path], png: object) -> None:
    data = load(make({"a/1.png": png(1), "a/2.png": png(2, 16), "b/3.png": png(3, 8, "RGB")}))
    (note,) = [note for note in data.notes if "sizes" in note]
    assert "2 sizes (most often 8 x 8, 2 times)" in note
    assert "2 colour modes (L 2, RGB 1)" in note


def test_labels_csv(make: Callable[..., Path], png: object) -> None:
    table = (
        "path,label,annotator,age\nimages/1.png,cat,ann,3\nimages/2.png,dog,bob,4\n"
        "images/3.png,,ann,5\nimages/gone.png,dog,bob,6\n"
    )
    files = {f"images/{i}.png": png(i) for i in (1, 2, 3, 4)}
    data = load(make({"labels.csv": table, **files}))
    assert data.ids == ("images/1.png", "images/2.png", "images/3.png")
    assert texts(data) == ["cat", "dog", None]
    assert data.groups is not None
    assert list(data.groups) == ["ann", "bob", "ann"]
    assert data.table is not None
    assert list(data.table["age"]) == [3.0, 4.0, 5.0]
    assert data.roles["path"] is Role.PATH
    assert "no image 'images/gone.png'" in reasons(data)["labels.csv row 3"]
    assert "not in labels.csv" in reasons(data)["images/4.png"]
    assert any("1 of 3 labels are missing" in note for note in data.notes)


@pytest.mark.parametrize("written", ["1.png", "./1.png", "1", "imgs\\1.png", "w/imgs/1.png"])
def test_labels_csv_in_a_wrapper_finds_images(
    make: Callable[..., Path], png: object, written: str
) -> None:
    files = {"w/1.png": png(1)} if written == "./1.png" else {"w/imgs/1.png": png(1)}
    data = load(make({"w/labels.csv": f"file;class\n{written};cat\n", **files}))
    assert data.ids == tuple(files)
    assert texts(data) == ["cat"]


def test_labels_csv_with_unicode_form_of_another_system(
    make: Callable[..., Path], png: object
) -> None:
    split = unicodedata.normalize("NFD", "é.png")
    data = load(make({"labels.csv": "path,label\né.png,x\n", split: png(1)}))
    assert data.ids == (split,)


def test_an_id_column_names_images_only_on_request(make: Callable[..., Path], png: object) -> None:
    table = "id,path,label\nu1,1.png,a\nu2,2.png,b\n"
    path = make({"labels.csv": table, "1.png": png(1), "2.png": png(2)})
    assert load(path).ids == ("1.png", "2.png")
    assert load(path, id="id").ids == ("u1", "u2")


def test_a_repeated_path_is_refused_by_name(make: Callable[..., Path], png: object) -> None:
    table = "path,label\n1.png,a\n1.png,b\n"
    with pytest.raises(UnreadableInputError, match=r"'1\.png' \(2 times\)"):
        load(make({"labels.csv": table, "1.png": png(1)}))


def test_numeric_labels_in_labels_csv_are_regression(
    make: Callable[..., Path], png: object
) -> None:
    rows = "".join(f"{i}.png,{i * 1.37:.2f}\n" for i in range(30))
    files = {f"{i}.png": png(i) for i in range(30)}
    data = load(make({"labels.csv": "path,label\n" + rows, **files}))
    assert data.task is Task.REGRESSION
    assert data.labels is not None
    np.testing.assert_allclose(data.labels, [round(i * 1.37, 2) for i in range(30)])


def test_roles_for_class_folders_are_refused(make: Callable[..., Path], pets: object) -> None:
    with pytest.raises(SettingsError, match=r"no labels\.csv"):
        load(make(pets), label="species")


def test_sources_survive_pickling_and_another_process(
    make: Callable[..., Path], pets: dict[str, bytes]
) -> None:
    data = load(make(pets))
    assert data.images is not None
    data.images.read(0)  # an open handle must not hinder
    copy = pickle.loads(pickle.dumps(data.images))
    assert [copy.read(i) for i in range(len(copy))] == [pets[name] for name in data.ids]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(copy.read, 1).result() == pets[data.ids[1]]


def test_cancelling_stops_the_check(make: Callable[..., Path], png: object) -> None:
    files = {f"a/{i}.png": png(1) for i in range(450)}
    seen: list[float] = []

    def stop(fraction: float, stage: str) -> None:
        seen.append(fraction)
        if "checking" in stage:
            raise Cancelled

    with pytest.raises(Cancelled):
        load(make(files), progress=stop)
    assert seen[-1] < 0.6


def test_progress_is_reported_and_never_goes_back(make: Callable[..., Path], png: object) -> None:
    seen: list[float] = []
    load(make({f"a/{i}.png": png(1) for i in range(450)}), progress=lambda f, s: seen.append(f))
    assert seen == sorted(seen)
    assert len(seen) >= 5
    assert seen[-1] == 1.0


def test_links_out_of_a_folder_are_not_followed(
    make_folder: Callable[..., Path], pets: dict[str, bytes], tmp_path: Path, png: object
) -> None:
    path = make_folder(pets)
    outside = tmp_path / "secret.png"
    outside.write_bytes(png(7))
    os.symlink(outside, path / "cat" / "link.png")
    os.symlink(path / "cat" / "1.png", path / "dog" / "inside.png")
    data = load(path)
    assert "dog/inside.png" in data.ids
    assert "leads out" in reasons(data)["cat/link.png"]


def test_a_gif_and_a_jpeg_load_beside_png(
    make: Callable[..., Path], pets: dict[str, bytes]
) -> None:
    for format in ("GIF", "JPEG", "WEBP", "BMP", "TIFF"):
        file = io.BytesIO()
        Image.new("RGB", (8, 8), "red").save(file, format)
        pets[f"cat/x.{format.lower()}"] = file.getvalue()
    assert set(load(make(pets)).ids) == set(pets)


def test_real_archives(shared_data: Path) -> None:
    data = load(shared_data / "mnist_2k_heldout.zip")
    assert len(data) == 2000
    assert data.class_names == tuple("0123456789")
    assert all(
        name.split("/")[0] == label for name, label in zip(data.ids, texts(data), strict=True)
    )


def test_a_source_that_goes_while_it_is_read_is_one_refusal(
    make: Callable[..., Path], pets: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(pets)
    check_all = verify.check_all

    def losing(source: ImageSource, progress: Progress) -> list[verify.Checked]:
        path.rename(path.with_name("elsewhere"))
        return check_all(source, progress)

    monkeypatch.setattr(verify, "check_all", losing)
    with pytest.raises(MissingSourceError) as refusal:
        load(path)
    assert str(refusal.value).startswith(f"{path} is gone: it was moved or deleted.")
    assert "Errno" not in str(refusal.value)


def test_one_file_that_goes_while_a_folder_is_read_is_listed(
    make_folder: Callable[..., Path], pets: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_folder(pets)
    check_all = verify.check_all

    def losing(source: ImageSource, progress: Progress) -> list[verify.Checked]:
        (path / next(iter(pets))).unlink()
        return check_all(source, progress)

    monkeypatch.setattr(verify, "check_all", losing)
    assert list(reasons(load(path))) == [next(iter(pets))]


def test_deep_pictures_are_counted_as_such_and_their_conversion_is_said(
    make: Callable[..., Path], png: Callable[..., bytes]
) -> None:
    deep = io.BytesIO()
    Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000).save(deep, "PNG")
    files = {"a/1.png": png(1), "a/2.png": png(2), "b/3.png": deep.getvalue()}
    notes = load(make(files)).notes
    assert any("2 colour modes (L 2, 16-bit grey 1)" in note for note in notes)
    assert any("1 of 3 images has more than 8 bits a channel" in note for note in notes)
