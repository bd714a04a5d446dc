"""Corrected copies: what was decided changes, and nothing else."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dvaudit.core.dataset import Dataset
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import NotFoundError, UnreadableInputError, UnsuitableDataError
from dvaudit.readers import load, write_corrected


def decide(**verdicts: str) -> dict[str, Decision]:
    """decide(**{"id": "drop" or "keep" or "unsure" or "=new label"})."""
    return {
        name: Decision(name, Verdict.RELABEL, what[1:])
        if what.startswith("=")
        else Decision(name, Verdict(what))
        for name, what in verdicts.items()
    }


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


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


CSV = (
    '\ufeff"ID";a;"label";note\r\nr1;1,50;" yes";"x;""y"""\r\n\r\nr2;007;no;\r\nbad;1\r\n'
    'r3;2;"yes";z\r\nr4;3;no;w'
)


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le"])
def test_csv_keeps_every_untouched_character(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(CSV.encode(codec))
    data = load(path)
    assert data.ids == ("r1", "r2", "r3", "r4")
    out = write_corrected(data, decide(r3="=no", r4="=may;be", r2="drop", r1="keep"), tmp_path)
    assert out.name == "t-corrected.csv"
    expected = CSV.replace("r2;007;no;\r\n", "").replace('r3;2;"yes"', 'r3;2;"no"')
    assert out.read_bytes().decode(codec) == expected.replace("r4;3;no;w", 'r4;3;"may;be";w')
    again = load(out)
    assert again.ids == ("r1", "r3", "r4")
    assert list(again.label_text()) == ["yes", "no", "may;be"]


def test_a_class_is_written_as_the_file_writes_it(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a, label\n1, <=50K\n2, >50K\n3, <=50K\n", encoding="utf-8")
    out = write_corrected(load(tmp_path / "t.csv"), decide(**{"1": "=<=50K"}), tmp_path / "out")
    assert out.read_text(encoding="utf-8") == "a, label\n1, <=50K\n2, <=50K\n3, <=50K\n"


def test_a_label_the_encoding_lacks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("a,label\n1,ä\n2,b\n3,ä\n".encode("cp1252"))
    with pytest.raises(UnsuitableDataError, match="cp1252"):
        write_corrected(load(tmp_path / "t.csv"), decide(**{"0": "=猫"}), tmp_path / "out")


def table_file(path: Path) -> Path:
    frame = pd.DataFrame(
        {
            "id": [f"s{i}" for i in range(6)],
            "a": [0.5, 1.25, 2.0, 3.0, 4.0, 5.0],
            "label": pd.array([1, 0, 1, 0, 2, 1], dtype="int8"),
            "text": ["ä b", "c", None, "d", "e", "f"],
        }
    )
    if path.suffix == ".parquet":
        frame.to_parquet(path, compression="zstd")
    elif path.suffix == ".xlsx":
        frame.to_excel(path, index=False)
    elif path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True, force_ascii=False)
    elif path.suffix == ".npz":
        x = np.arange(12, dtype=np.float32).reshape(6, 2)
        np.savez_compressed(
            path, x=x, y=frame["label"].to_numpy(), ids=list(frame["id"]), k=np.ones(2)
        )
    else:
        frame.to_csv(path, index=False)
    return path


SUFFIXES = [".csv", ".parquet", ".xlsx", ".jsonl", ".npz"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_takes_corrections(tmp_path: Path, suffix: str) -> None:
    path = table_file(tmp_path / f"t{suffix}")
    before = digest(path)
    data = load(path)
    verdicts = decide(s0="=0", s2="drop", s3="=7", s4="keep", s5="unsure")
    out = write_corrected(data, verdicts, tmp_path / "out")
    assert digest(path) == before
    again = load(out, roles=data.roles)
    assert again.ids == ("s0", "s1", "s3", "s4", "s5")
    assert list(again.label_text()) == ["0", "0", "7", "2", "1"]
    kept = [i for i in range(6) if i != 2]
    assert again.hashes == tuple(data.hashes[i] for i in kept)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_without_decisions_the_copy_is_the_same_dataset(tmp_path: Path, suffix: str) -> None:
    path = table_file(tmp_path / f"t{suffix}")
    data = load(path)
    out = write_corrected(data, decide(s1="keep", s2="unsure", s3="=0"), tmp_path)
    assert out != path
    assert out.read_bytes() == path.read_bytes()
    assert load(out).fingerprint == data.fingerprint


@pytest.mark.parametrize("suffix", [".parquet", ".xlsx", ".jsonl", ".npz"])
def test_a_label_of_another_type_is_refused(tmp_path: Path, suffix: str) -> None:
    data = load(table_file(tmp_path / f"t{suffix}"))
    with pytest.raises(UnsuitableDataError, match="maybe"):
        write_corrected(data, decide(s0="=maybe"), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_changed_since_is_refused(tmp_path: Path, suffix: str) -> None:
    data = load(table_file(tmp_path / f"t{suffix}"))
    dropped = write_corrected(data, decide(s1="drop"), tmp_path / "out")
    Path(data.origin.path).write_bytes(dropped.read_bytes())
    with pytest.raises(UnreadableInputError, match="has changed"):
        write_corrected(data, decide(s0="=0"), tmp_path / "out2")


def test_parquet_keeps_its_schema(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    schema = pa.schema(
        [
            pa.field("a", pa.float32(), metadata={"unit": "mm"}),
            pa.field("label", pa.dictionary(pa.int8(), pa.string())),
            pa.field("tags", pa.list_(pa.int16())),
        ],
        metadata={"made": "here"},
    )
    rows = {"a": [1, 2, 3], "label": ["x", "y", "x"], "tags": [[1], None, [2, 3]]}
    pyarrow.parquet.write_table(pa.table(rows, schema=schema), path, compression="gzip")
    out = write_corrected(load(path), decide(**{"0": "=new", "1": "drop"}), tmp_path / "out")
    written = pyarrow.parquet.ParquetFile(out)
    original = pyarrow.parquet.read_schema(path)
    assert written.schema_arrow.equals(original, check_metadata=True)
    assert written.metadata.row_group(0).column(0).compression == "GZIP"
    assert written.read().to_pydict() == {"a": [1, 3], "label": ["new", "x"], "tags": [[1], [2, 3]]}


def test_excel_keeps_formulas_styles_and_other_sheets(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (
        ["a", "label", "twice"],
        [1, "x", None],
        [2, "y", None],
        [3, "x", None],
        [4, "y", None],
    ):
        sheet.append(row)
    for row in range(2, 6):
        sheet.cell(row, 3).value = f"=A{row}*2"
    sheet["A5"].font = openpyxl.styles.Font(bold=True)
    book.create_sheet("More")["B2"] = "kept"
    book.save(tmp_path / "t.xlsx")
    data = load(tmp_path / "t.xlsx", roles={"twice": "ignored"})
    out = openpyxl.load_workbook(
        write_corrected(data, decide(**{"1": "drop", "3": "=x"}), tmp_path / "out")
    )
    rows = [[cell.value for cell in row] for row in out.worksheets[0].iter_rows()]
    assert rows == [
        ["a", "label", "twice"],
        [1, "x", "=A2*2"],
        [3, "x", "=A3*2"],
        [4, "x", "=A4*2"],
    ]
    assert out.worksheets[0]["A4"].font.bold
    assert out["More"]["B2"].value == "kept"


def test_json_lines_leaves_other_lines_alone(tmp_path: Path) -> None:
    lines = [
        '{"a":1.50,"label":"x"}',
        "not json",
        '{"label": "y", "a": 1e3}',
        '{"a":3,"label":"é"}',
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(lines), encoding="utf-8")
    data = load(tmp_path / "t.jsonl")
    out = write_corrected(data, decide(**{"2": "=x", "3": "=ü"}), tmp_path / "out")
    written = out.read_text(encoding="utf-8").splitlines()
    assert written[:2] == lines[:2]
    assert written[2].startswith('{"label": "x", ')
    assert written[3] == '{"a":3,"label":"ü"}'


def test_npz_keeps_types_and_widens_text(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "v.npz",
        x=np.ones((3, 2), np.float16),
        y=np.array(["a", "b", "a"]),
        z=np.arange(3),
    )
    data = load(tmp_path / "v.npz")
    out = np.load(write_corrected(data, decide(**{"0": "=longer", "2": "drop"}), tmp_path / "out"))
    assert list(out["y"]) == ["longer", "b"]
    assert out["x"].dtype == np.float16
    assert list(out["z"]) == [0, 1]
    out.close()


def test_data_from_python_is_written_too(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((4, 2))
    arrays = load((x, [1, 0, 1, 0]))
    assert load(write_corrected(arrays, {}, tmp_path)).fingerprint == arrays.fingerprint
    out = load(write_corrected(arrays, decide(**{"0": "=0", "3": "drop"}), tmp_path))
    assert list(out.label_text()) == ["0", "0", "1"]
    frame = load(pd.DataFrame({"a": [1.5, 2.5, 3.5], "k": ["c"] * 3, "label": ["x", "y", "x"]}))
    notes: list[str] = []
    path = write_corrected(frame, decide(**{"1": "=x"}), tmp_path, notes=notes)
    assert path.read_text(encoding="utf-8") == "a,label\n1.5,x\n2.5,x\n3.5,x\n"
    assert "'k'" in notes[0]


def test_regression_labels(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,price\n1,10.5\n2,20\n3,30.25\n", encoding="utf-8")
    data = load(path, label="price", task="regression")
    out = write_corrected(data, decide(**{"1": "=21.5"}), tmp_path / "out")
    assert out.read_text(encoding="utf-8") == "a,price\n1,10.5\n2,21.5\n3,30.25\n"
    with pytest.raises(UnsuitableDataError, match="regression needs a number"):
        write_corrected(data, decide(**{"1": "=high"}), tmp_path / "out")


@pytest.mark.parametrize(
    ("verdicts", "error", "message"),
    [
        ({"s0": "drop", "nobody": "drop"}, NotFoundError, "1 decisions .* 'nobody'"),
        ({f"s{i}": "drop" for i in range(6)}, UnsuitableDataError, "all 6 samples"),
        ({"s0": "= "}, UnsuitableDataError, "empty: 's0'"),
    ],
)
def test_decisions_that_make_no_sense_are_refused(
    tmp_path: Path, verdicts: dict[str, str], error: type[Exception], message: str
) -> None:
    data = load(table_file(tmp_path / "t.csv"))
    with pytest.raises(error, match=message):
        write_corrected(data, decide(**verdicts), tmp_path / "out")


def test_a_source_that_is_gone_is_refused(tmp_path: Path) -> None:
    data = load(table_file(tmp_path / "t.csv"))
    Path(data.origin.path).unlink()
    with pytest.raises(UnreadableInputError, match="is gone"):
        write_corrected(data, decide(s0="=0"), tmp_path / "out")


def test_the_source_is_never_overwritten(tmp_path: Path) -> None:
    path = table_file(tmp_path / "t-corrected.csv")
    before = digest(path)
    out = write_corrected(load(path, name="t"), decide(s0="=0"), tmp_path)
    assert out != path
    assert digest(path) == before


words = st.text(st.characters(exclude_characters="\0\r\x02", exclude_categories=["Cs"]), max_size=8)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.tuples(words, st.sampled_from(["x", "y", " z", "a,b", 'q"'])), min_size=3, max_size=9
    ),
    delimiter=st.sampled_from([",", ";", "\t"]),
    mark=st.booleans(),
    data=st.data(),
)
def test_csv_round_trip(
    tmp_path: Path, rows: list[tuple[str, str]], delimiter: str, mark: bool, data: st.DataObject
) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(["n", "text", "label"])
    writer.writerows((i, text, label) for i, (text, label) in enumerate(rows))
    path = tmp_path / "t.csv"
    path.write_bytes(file.getvalue().encode("utf-8-sig" if mark else "utf-8"))
    loaded: Dataset = load(path, label="label")
    verdicts = {
        name: what
        for name in loaded.ids
        if (what := data.draw(st.sampled_from(["keep", "=x", "=new", "drop"]))) and name != "0"
    }
    out = write_corrected(loaded, decide(**verdicts), tmp_path / "out")
    expected = [
        [str(i), text, verdicts[str(i)][1:] if verdicts.get(str(i), "").startswith("=") else label]
        for i, (text, label) in enumerate(rows)
        if verdicts.get(str(i)) != "drop"
    ]
    written = io.StringIO(out.read_bytes().decode("utf-8-sig"), newline="")
    assert list(csv.reader(written, delimiter=delimiter))[1:] == expected
    assert out.read_bytes().startswith(b"\xef\xbb\xbf") is mark


def test_a_dataset_record_is_enough_to_write(
    make_zip: Callable[..., Path], pets: dict[str, bytes], tmp_path: Path
) -> None:
    data = load(make_zip(pets))
    assert json.loads(json.dumps(dict(data.origin.options))) == data.origin.options
