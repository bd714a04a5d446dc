"""Loading Parquet, Excel, JSON lines and DataFrames; guessing roles and tasks."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from dvaudit.core.dataset import Kind, Role, Task
from dvaudit.core.errors import UnreadableInputError
from dvaudit.readers import load, preview


@pytest.fixture
def frame() -> pd.DataFrame:
    n = 40
    return pd.DataFrame(
        {
            "id": [f"s{i}" for i in range(n)],
            "size": np.linspace(0, 1, n),
            "count": pd.array([None if i == 3 else i for i in range(n)], dtype="Int64"),
            "colour": pd.Categorical(["red", "blue"] * (n // 2)),
            "flag": [i % 3 == 0 for i in range(n)],
            "when": pd.date_range("2024-01-01", periods=n, tz="Europe/Berlin"),
            "remark": [f"this is remark number {i}" for i in range(n)],
            "label": ["yes", "no", "yes", "yes"] * (n // 4),
        }
    )


EXPECTED = {
    "id": Role.ID,
    "size": Role.NUMERIC,
    "count": Role.NUMERIC,
    "colour": Role.CATEGORICAL,
    "flag": Role.CATEGORICAL,
    "when": Role.DATE,
    "remark": Role.TEXT,
    "label": Role.LABEL,
}


def save(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True, date_format="iso")
    else:
        frame.assign(when=frame["when"].dt.tz_localize(None)).to_excel(path, index=False)
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".xlsx", ""])
def test_typed_tables(tmp_path: Path, frame: pd.DataFrame, suffix: str) -> None:
    source = save(frame, tmp_path / f"table{suffix}") if suffix else frame
    data = load(source)
    assert dict(data.roles) == EXPECTED
    assert data.kind is Kind.TABULAR
    assert data.ids == tuple(f"s{i}" for i in range(40))
    assert list(data.label_text()) == list(frame["label"])
    assert data.table is not None
    table = data.table
    np.testing.assert_allclose(table["size"], frame["size"])
    assert np.isnan(table["count"][3])
    assert table["count"][4] == 4
    assert list(table["colour"][:2]) == ["red", "blue"]
    assert list(table["flag"][:2]) == ["True", "False"]
    assert table["when"].dtype.kind == "M"
    assert table["when"].diff().dropna().eq(pd.Timedelta(days=1)).all()


def test_numbers_dates_and_words_in_one_column_become_text() -> None:
    cells = [1, "two", 3.5, None, datetime.date(2024, 5, 1), True]
    data = load(pd.DataFrame({"a": cells, "label": list("xyxyxy")}), roles={"a": "categorical"})
    assert data.table is not None
    assert list(data.table["a"]) == ["1", "two", "3.5", None, "2024-05-01", "True"]


def test_decimals_are_numbers() -> None:
    data = load(pd.DataFrame({"a": [Decimal("1.5"), None, Decimal(2)], "label": list("xyx")}))
    assert data.table is not None
    np.testing.assert_array_equal(data.table["a"], [1.5, np.nan, 2])


def test_nested_columns_are_ignored_and_said(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table = pa.table({"a": [1.0, 2.0, 3.0], "l": [[1], [2, 3], None], "label": ["x", "y", "x"]})
    pyarrow.parquet.write_table(table, path)
    data = load(path)
    assert data.roles["l"] is Role.IGNORED
    assert any("lists or objects" in note for note in data.notes)


def test_large_integer_ids_keep_every_digit(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    ids = [2**60 + 1, 2**60 + 2, 2**60 + 3]
    pyarrow.parquet.write_table(pa.table({"id": ids, "a": [1, 2, 1], "label": [0, 1, 0]}), path)
    assert load(path).ids == tuple(map(str, ids))


@pytest.mark.parametrize("name", ["t.parquet", "t.xlsx", "t.npz"])
def test_damaged_files_are_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PAR1 this is not it PAR1")
    with pytest.raises(UnreadableInputError, match=name):
        load(tmp_path / name)


def test_excel_reads_values_of_the_first_or_named_sheet(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    first = book.active
    first.title = "Data"
    for row in ([], ["a", "label"], [1, "x"], [None, None], [2, "y"], [3, "x", "extra"], [4, "y"]):
        first.append(row)
    second = book.create_sheet("Other")
    for row in (["b", "label"], [5, "p"], [6, "q"]):
        second.append(row)
    book.save(tmp_path / "t.xlsx")
    data = load(tmp_path / "t.xlsx")
    assert list(data.label_text()) == ["x", "y", "y"]
    assert data.ids == ("0", "2", "4")
    assert "more cells" in data.unreadable[0].reason
    assert any("first of 2 sheets, 'Data'" in note for note in data.notes)
    assert load(tmp_path / "t.xlsx", sheet="Other").class_names == ("p", "q")
    with pytest.raises(UnreadableInputError, match="it has: Data, Other"):
        load(tmp_path / "t.xlsx", sheet="Nope")


def test_empty_and_old_excel_are_refused(tmp_path: Path) -> None:
    openpyxl.Workbook().save(tmp_path / "t.xlsx")
    with pytest.raises(UnreadableInputError, match="empty"):
        load(tmp_path / "t.xlsx")
    (tmp_path / "t.xls").write_bytes(b"x")
    with pytest.raises(UnreadableInputError, match=r"save it as \.xlsx"):
        load(tmp_path / "t.xls")


def test_json_lines_lists_bad_lines_and_joins_keys(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(
        '{"a": 1, "label": "x"}\n\n{"a": 2\n[1]\n{"b": "u", "label": "y"}\n{"a": 3, "label": "x"}',
        encoding="utf-8",
    )
    data = load(path)
    assert data.ids == ("0", "3", "4")
    assert [item.name for item in data.unreadable] == ["row 1", "row 2"]
    assert list(data.roles) == ["a", "label", "b"]


@pytest.mark.parametrize(
    ("content", "message"),
    [("[]", "one JSON array"), ("nonsense\n", "no JSON object"), ("\n\n", "columns and 0 rows")],
)
def test_json_that_is_not_lines_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "t.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(UnreadableInputError, match=message):
        load(tmp_path / "t.jsonl")


def labelled(values: object) -> pd.DataFrame:
    values = list(values)
    return pd.DataFrame({"a": np.arange(len(values)) % 7, "label": values})


def test_integer_labels_sort_as_numbers() -> None:
    data = load(labelled([10, 9, 2, 10, 9, 2, 1, 10]))
    assert data.class_names == ("1", "2", "9", "10")
    assert list(data.labels) == [3, 2, 1, 3, 2, 1, 0, 3]


def test_integers_with_missing_labels_stay_integers() -> None:
    data = load(labelled([1.0, np.nan, 0.0, 1.0]))
    assert data.class_names == ("0", "1")
    assert list(data.labels) == [1, -1, 0, 1]


def test_single_sample_classes_are_named() -> None:
    data = load(labelled(["x"] * 5 + ["rare"] + ["y"] * 5))
    assert any("1 class has a single sample: 'rare'" in note for note in data.notes)


def test_classes_that_differ_in_case_are_named() -> None:
    data = load(labelled(["Cat", "cat", "dog", "cat", "Cat", "dog"]))
    assert any("'Cat', 'cat'" in note for note in data.notes)


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (np.linspace(0, 1, 60), Task.REGRESSION),
        (np.arange(3000) * 7 % 2900, Task.REGRESSION),
        (np.arange(200) % 10, Task.CLASSIFICATION),
        (np.arange(5000) % 100, Task.CLASSIFICATION),
        ([0.5, 1.5] * 20, Task.CLASSIFICATION),
        ([True, False] * 10, Task.CLASSIFICATION),
        (["a", "b"] * 10, Task.CLASSIFICATION),
    ],
)
def test_task_is_guessed(values: object, task: Task) -> None:
    assert load(labelled(values)).task is task


def test_task_can_be_set() -> None:
    assert load(labelled([1, 2, 3, 1]), task="regression").labels.dtype == np.float64
    assert load(labelled(np.linspace(0, 1, 30)), task="classification").task == "classification"
    assert load(labelled([1, 2, 1]), task="unsupervised").labels is None


def test_without_a_label_column_data_is_unlabelled() -> None:
    data = load(pd.DataFrame({"a": np.linspace(0, 1, 50), "b": np.linspace(1, 2, 50) ** 2}))
    assert data.task is Task.UNSUPERVISED
    assert any("No column looks like a label" in note for note in data.notes)


def test_labels_that_are_all_missing() -> None:
    frame = pd.DataFrame({"a": [1, 2, 3], "label": [None, None, None]})
    assert load(frame).task is Task.UNSUPERVISED
    with pytest.raises(UnreadableInputError, match="all cells are missing"):
        load(frame, task="classification")


@pytest.mark.parametrize("name", ["Label", "target", "CLASS", "y", "income", "my_label"])
def test_labels_are_found_by_name_wherever_they_stand(name: str) -> None:
    frame = pd.DataFrame({"a": [1, 2, 1, 2], name: list("xyxy"), "z": [0, 1, 1, 0]})
    assert load(frame).roles[name] is Role.LABEL


def test_the_last_column_with_few_values_is_the_label() -> None:
    n = 60
    frame = pd.DataFrame(
        {"a": np.linspace(0, 1, n), "kindly": ["u", "v", "w"] * 20, "b": np.linspace(3, 9, n)}
    )
    assert load(frame).roles["kindly"] is Role.LABEL


@pytest.mark.parametrize("name", ["group", "Contributor", "source", "annotator"])
def test_groups_are_found_by_name_and_may_be_missing(name: str) -> None:
    data = load(pd.DataFrame({name: ["p", None, "q"], "a": [1, 2, 3], "label": list("xyx")}))
    assert list(data.groups) == ["p", "(missing)", "q"]


def test_constants_and_keys_are_ignored() -> None:
    n = 30
    frame = pd.DataFrame(
        {
            "const": ["k"] * n,
            "key": [f"x{i:03}" for i in range(n)],
            "user_id": range(n),
            "postcode": [f"0{i % 9}123" for i in range(n)],
            "a": np.linspace(0, 1, n),
            "label": ["u", "v"] * (n // 2),
        }
    )
    roles = load(frame).roles
    assert roles["const"] is Role.IGNORED
    assert roles["key"] is Role.ID
    assert roles["user_id"] is Role.IGNORED
    assert roles["postcode"] is Role.CATEGORICAL


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2024-02-01", "2024-02-01"),
        ("01.02.2024", "2024-02-01"),
        ("13/02/2024", "2024-02-13"),
        ("02/13/2024", "2024-02-13"),
        ("2024-02-01T10:30:00Z", "2024-02-01T10:30"),
        ("01.02.2024 10:30", "2024-02-01T10:30"),
    ],
)
def test_dates(written: str, expected: str) -> None:
    data = load(
        pd.DataFrame({"d": [written, None, written.replace("2024", "2023")], "label": [1, 0, 1]})
    )
    assert data.roles["d"] is Role.DATE
    assert data.table["d"][0] == pd.Timestamp(expected)
    assert pd.isna(data.table["d"][1])


def test_ambiguous_dates_are_noted() -> None:
    data = load(pd.DataFrame({"d": ["01/02/2024", "03/04/2024"] * 2, "label": list("xyxy")}))
    assert any("month/day/year" in note for note in data.notes)


def test_a_saved_pandas_index_is_the_id(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 1.0], "label": list("xyx")}, index=[10, 20, 30])
    frame.to_csv(tmp_path / "t.csv")
    frame.to_parquet(tmp_path / "t.parquet")
    assert load(tmp_path / "t.csv").ids == ("10", "20", "30")
    assert load(tmp_path / "t.parquet").ids == ("10", "20", "30")


def test_a_dataframe_is_not_changed(frame: pd.DataFrame) -> None:
    before = frame.copy(deep=True)
    load(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_preview_of_typed_tables(tmp_path: Path, frame: pd.DataFrame) -> None:
    for suffix in (".parquet", ".jsonl", ".xlsx"):
        seen = preview(save(frame, tmp_path / f"t{suffix}"))
        assert {column.name: column.role for column in seen.columns} == EXPECTED
        assert seen.classes == {"no": 10, "yes": 30}
        assert json.dumps(seen.head.iloc[3].tolist()).startswith('["s3", ')
        assert seen.head["count"][3] == ""


def test_unknown_formats_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.docx2").write_bytes(b"hello")
    with pytest.raises(UnreadableInputError, match="in no format"):
        load(tmp_path / "t.docx2")
    with pytest.raises(UnreadableInputError, match="a dict is not read"):
        load({"a": 1})
