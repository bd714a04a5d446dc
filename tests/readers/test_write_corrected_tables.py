"""Corrected copies of tables and arrays: what was decided changes, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from corrected import decide, digest

from dvaudit.core.errors import NotFoundError, UnreadableInputError, UnsuitableDataError
from dvaudit.readers import load, write_corrected


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
