"""Loading CSV: delimiters, encodings, missing words, ragged rows and refusals."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvaudit.core.dataset import Dataset, Kind, Role, Task
from dvaudit.core.errors import SettingsError, UnreadableInputError
from dvaudit.readers import csv_text, load, preview
from dvaudit.readers.csv_table import read_csv

ROWS = [("1.5", "red", "yes"), ("2", "blue, dark", "no"), ("?", "", "yes"), ("4", "red", "no")]


def as_csv(delimiter: str) -> str:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    writer.writerows([("size", "colour", "label"), *ROWS])
    return file.getvalue()


def check(data: Dataset) -> None:
    assert (data.kind, data.task) == (Kind.TABULAR, Task.CLASSIFICATION)
    assert data.class_names == ("no", "yes")
    assert data.ids == ("0", "1", "2", "3")
    assert data.table is not None
    np.testing.assert_array_equal(data.table["size"], [1.5, 2, np.nan, 4])
    assert list(data.table["colour"]) == ["red", "blue, dark", None, "red"]
    assert list(data.label_text()) == ["yes", "no", "yes", "no"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_delimiters_endings_and_encodings(
    write: object, delimiter: str, ending: str, codec: str
) -> None:
    check(load(write(as_csv(delimiter).replace("\n", ending).encode(codec))))


def test_what_is_not_utf8_is_read_and_noted(write: object) -> None:
    data = load(write("name,label\nKäse,ja\nBrot,nein\nKäse,ja\nBrot,ja\n".encode("cp1252")))
    assert data.table is not None
    assert data.table["name"][0] == "Käse"
    assert any("cp1252" in note for note in data.notes)
    assert data.origin.options["encoding"] == "cp1252"


def test_excel_export_with_mark_semicolons_and_decimal_commas(write: object) -> None:
    data = load(write("\ufeffGröße;label\n1,5;a\n-2,25;b\n3;a\n1,5;b\n"))
    assert data.table is not None
    assert list(data.table["Größe"]) == [1.5, -2.25, 3.0, 1.5]
    assert any("decimal commas" in note for note in data.notes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("\n\n  \n", "empty"),
        ("\ufeff", "empty"),
        ("a,b,label\n", "no rows"),
        ("a,b,label", "no rows"),
        ("a,b,label\n1,2\n3,4\n", "none of the 2 rows fits the header"),
        ('a,label\n1,"x\n2,y\n3,z\n', r"opened in row 0 .* never closed"),
        ('a,label\n1,x\n2,"y', r"opened in row 1 .* never closed"),
        ('a,"label\n1,x\n2,y', "in the header is never closed"),
        (b"a,label\n1,\x00x\n", "zero bytes"),
        (b"\xff\xfea\x00,\x00b", "byte-order mark of utf-16"),
        ("label\nx\ny\nx\ny\n", "no feature column"),
    ],
)
def test_refusals_say_what_is_wrong(write: object, content: str | bytes, message: str) -> None:
    with pytest.raises(UnreadableInputError, match=message):
        load(write(content))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInputError, match="no file or folder"):
        load(tmp_path / "absent.csv")


def test_ragged_rows_are_listed_and_the_others_keep_their_numbers(write: object) -> None:
    data = load(write("a,b,label\n1,2,x\n3,4\n\n5,6,y\n7,8,9,z\n10,11,x\n12,13,y\n"))
    assert data.ids == ("0", "2", "4", "5")
    assert [(item.name, item.reason) for item in data.unreadable] == [
        ("row 1", "2 cells where the header has 3: 3,4"),
        ("row 3", "4 cells where the header has 3: 7,8,9,z"),
    ]


def test_quoted_cells_may_hold_anything(write: object) -> None:
    data = load(write('a,t,label\n1,"x, ""y""\nz",p\n2,"5"" disk",q\n3,5" disk,p\n4,u,q\n'))
    assert data.table is not None
    assert list(data.table["t"]) == ['x, "y"\nz', '5" disk', '5" disk', "u"]


def test_repeated_and_empty_column_names(write: object) -> None:
    data = load(write("a,a,,label\n1,2,3,x\n2,5,6,y\n7,8,3,x\n1,2,6,y\n"))
    assert list(data.roles) == ["a", "a (2)", "column 3", "label"]
    assert any("'a (2)'" in note for note in data.notes)
    assert any("'column 3'" in note for note in data.notes)


@pytest.mark.parametrize("word", ["", "?", "NA", "N/A", "NaN", "null", "#N/A", " "])
def test_missing_labels_are_counted(write: object, word: str) -> None:
    data = load(write(f"a,label\n1,x\n2,{word}\n3,y\n4,x\n"))
    assert list(data.labelled) == [True, False, True, True]
    assert any("1 of 4 labels are missing" in note for note in data.notes)


def test_none_is_a_class(write: object) -> None:
    assert load(write("a,label\n1,none\n2,None\n3,x\n")).class_names == ("None", "none", "x")


def test_blanks_around_labels_do_not_make_classes(write: object) -> None:
    assert load(write("a, label\n1, <=50K\n2, >50K\n3,<=50K\n")).class_names == ("<=50K", ">50K")


def test_ids_given_twice_are_refused_by_name(write: object) -> None:
    path = write("code,a,label\nu1,1,x\nu2,2,y\nu1,3,x\n")
    with pytest.raises(UnreadableInputError, match=r"'u1' \(2 times\)"):
        load(path, id="code")
    with pytest.raises(UnreadableInputError, match=r"empty in 1 rows: 1"):
        load(write("code,a,label\nu1,1,x\n,2,y\n"), id="code")


def test_a_guessed_id_that_repeats_is_not_used_and_said(write: object) -> None:
    data = load(write("id,a,label\n7,1,x\n7,2,y\n8,3,x\n"))
    assert data.ids == ("0", "1", "2")
    assert data.roles["id"] is Role.IGNORED
    assert any("'id' is not taken as the id" in note for note in data.notes)


def test_ids_keep_leading_zeros(write: object) -> None:
    assert load(write("id,a,label\n007,1,x\n008,2,y\n")).ids == ("007", "008")


def test_roles_can_be_set(write: object) -> None:
    path = write("a,b,c,label\n1,2,z,x\n3,4,w,y\n5,2,z,x\n")
    data = load(path, label="b", roles={"a": "categorical", "c": Role.IGNORED, "label": "group"})
    assert data.table is not None
    assert list(data.table.columns) == ["a"]
    assert list(data.table["a"]) == ["1", "3", "5"]
    assert data.class_names == ("2", "4")
    assert data.groups is not None
    assert list(data.groups) == ["x", "y", "x"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "lable"}, "did you mean 'label'"),
        ({"roles": {"zzz": "id"}}, "no column 'zzz'; it has: a, b, label"),
        ({"roles": {"a": "feature"}}, "'feature' is no role"),
        ({"roles": {"a": "label", "b": "label"}}, "2 columns are set as label"),
        ({"task": "clustering"}, "'clustering' is no task"),
    ],
)
def test_wrong_roles_say_what_there_is(write: object, options: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load(write("a,b,label\n1,2,x\n3,4,y\n"), **options)


def test_values_that_are_no_numbers_are_named(write: object) -> None:
    data = load(write("a,label\n1,x\nmany,y\n3,x\n"), roles={"a": "numeric"})
    assert data.table is not None
    np.testing.assert_array_equal(data.table["a"], [1, np.nan, 3])
    assert any("no numbers and count as missing: 'many'" in note for note in data.notes)


def test_one_odd_cell_in_hundreds_leaves_a_column_numeric(write: object) -> None:
    rows = "".join(f"{i * 1.5},{'xy'[i % 2]}\n" for i in range(200))
    data = load(write("a,label\n" + rows + "unknown,x\n"))
    assert data.roles["a"] is Role.NUMERIC
    assert any("'unknown'" in note for note in data.notes)


def test_infinity_counts_as_missing_and_is_noted(write: object) -> None:
    data = load(write("a,label\n1,x\ninf,y\n3,x\n"), roles={"a": "numeric"})
    assert data.table is not None
    assert np.isnan(data.table["a"][1])
    assert any("'inf'" in note for note in data.notes)


def test_regression_with_text_labels_names_the_rows(write: object) -> None:
    with pytest.raises(UnreadableInputError, match=r"'high'.*rows 1"):
        load(write("a,price\n1,10\n2,high\n3,12\n"), label="price", task="regression")


def test_equal_rows_have_equal_hashes_and_other_labels_do_not_matter(write: object) -> None:
    data = load(write("a,b,label\n1,x,p\n1.0, x,q\n1,y,p\n12,x,q\n1,2x,p\n"))
    assert data.hashes[0] == data.hashes[1]
    assert len(set(data.hashes)) == 4


def test_the_fingerprint_follows_content_labels_and_roles(write: object) -> None:
    first = load(write("a,label\n1,x\n2,y\n3,x\n"))
    assert first.fingerprint == load(write("a;label\n1;x\n2;y\n3;x\n", "other.csv")).fingerprint
    changed = [
        load(write("a,label\n1,x\n2,x\n3,y\n")),
        load(write("a,label\n1,x\n2,y\n4,x\n")),
        load(write("a,label\n1,x\n2,y\n3,x\n"), roles={"a": "categorical"}),
    ]
    assert len({first.fingerprint, *(data.fingerprint for data in changed)}) == 4


def test_adult(shared_data: Path) -> None:
    data = load(shared_data / "adult.csv")
    assert len(data) == 32_561
    assert data.class_names == ("<=50K", ">50K")
    assert data.table is not None
    assert data.table["workclass"].isna().sum() == 1836
    assert data.notes[0].startswith("'?' is read as missing in 4,262 cells: workclass (1,836)")
    assert data.table.shape[1] == 14


cell = st.text(st.characters(exclude_characters="\0\r\x02", exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=150, deadline=None)
@given(
    table=st.integers(2, 5).flatmap(
        lambda width: st.lists(
            st.lists(cell, min_size=width, max_size=width), min_size=2, max_size=8
        )
    ),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
)
def test_cells_come_back_as_written(table: list[list[str]], delimiter: str) -> None:
    header = [f"c{i}" for i in range(len(table[0]))]
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([header, *table])
    raw = read_csv(file.getvalue().encode(), "t.csv")
    for j, column in enumerate(raw.columns.values()):
        missing = {"", "?", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "<NA>"}
        expected = [row[j].strip() for row in table]
        assert list(column.cells()) == [None if t in missing else t for t in expected]


@settings(max_examples=150, deadline=None)
@given(
    table=st.lists(st.lists(cell, min_size=3, max_size=3), min_size=1, max_size=8),
    delimiter=st.sampled_from([",", ";", "\t"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    ending=st.sampled_from(["\n", "\r\n"]),
    label=cell,
    data=st.data(),
)
def test_an_edit_changes_one_cell_and_nothing_else(
    table: list[list[str]],
    delimiter: str,
    quoting: int,
    ending: str,
    label: str,
    data: st.DataObject,
) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator=ending, quoting=quoting)
    writer.writerows([["a", "b", "c"], *table])
    text = file.getvalue()
    row, column = data.draw(st.integers(0, len(table) - 1)), data.draw(st.integers(0, 2))
    dropped = data.draw(st.sets(st.integers(0, len(table) - 1).filter(lambda i: i != row)))
    assert csv_text.edit(text, delimiter, column, {}, set()) == text
    edited = csv_text.edit(text, delimiter, column, {row: label}, dropped)
    expected = [list(cells) for cells in table]
    expected[row][column] = label
    kept = [cells for i, cells in enumerate(expected) if i not in dropped]
    assert list(csv.reader(io.StringIO(edited, newline=""), delimiter=delimiter)) == [
        ["a", "b", "c"],
        *kept,
    ]


def test_without_features_the_ignored_columns_are_named_and_the_label_is_not(
    write: object,
) -> None:
    with pytest.raises(UnreadableInputError, match=r"'a', 'b' are ignored\. .*numeric") as refusal:
        load(write("a,b,label\n1,7,x\n1,7,y\n1,7,x\n"))
    assert "label" not in str(refusal.value)


def test_one_repeated_and_one_empty_column_name_are_said_in_the_singular(write: object) -> None:
    notes = load(write("a,a,,label\n1,4,7,x\n2,5,8,y\n3,6,9,x\n")).notes
    assert "1 column name repeats; the later column is called 'a (2)'." in notes
    assert "1 column has no name and is called 'column 3'." in notes


@settings(max_examples=400, deadline=None)
@given(body=st.text('ab1,"\n\r ', min_size=1, max_size=40))
def test_the_editor_sees_the_rows_that_the_reader_sees(body: str) -> None:
    text = "a,b\n" + body
    try:
        raw = read_csv(text.encode(), "t.csv")
    except UnreadableInputError:
        return
    delimiter = raw.options["delimiter"]
    spans = list(csv_text.records(text, delimiter))[1:]
    assert len(spans) == len(raw) + len(raw.unreadable)
    for j, column in enumerate(raw.columns.values()):
        for record, seen in zip(raw.records, column.cells(), strict=True):
            left, right = csv_text.cells(text, spans[record][0], delimiter)[j]
            assert csv_text.unquoted(text[left:right]).strip() == (seen or "")


def test_without_labels_no_column_is_guessed_to_be_the_label(write: object) -> None:
    rows = "".join(f"{i},{i % 7},{i * 3}.5\n" for i in range(30))
    path = write("x,y,z\n" + rows)
    assert load(path).roles["y"] is Role.LABEL
    bare = load(path, task="unsupervised")
    assert bare.roles == {"x": Role.NUMERIC, "y": Role.NUMERIC, "z": Role.NUMERIC}
    assert bare.table is not None
    assert list(bare.table) == ["x", "y", "z"]
    looked = preview(path, task="unsupervised")
    assert {column.name: column.role for column in looked.columns} == bare.roles
    assert not any("label" in note for note in (*bare.notes, *looked.notes))


def test_labels_named_for_data_without_labels_are_said_to_be_unused(write: object) -> None:
    path = write("a,label\n1,x\n2,y\n3,x\n")
    data = load(path, label="label", task="unsupervised")
    assert data.notes == ("The labels in 'label' are not used: the data counts as unlabelled.",)
    assert data.labels is None


def test_words_read_as_missing_are_counted_by_column(write: object) -> None:
    rows = ["?,7,x", " ? ,8,y", "b,NA,?", "b,,x", "c,-,y", "a,10,x", *["a,11,y"] * 300]
    data = load(write("job,age,label\n" + "\n".join(rows) + "\n"))
    assert "'?' is read as missing in 3 cells: job (2), label (1)." in data.notes
    assert "'NA' is read as missing in 1 cell: age (1)." in data.notes
    assert "'age': read as missing in 1 cell: '-'." in data.notes
    blank = load(write("job,age,label\na,,x\nb,2,y\nb,3,x\na,4,y\n"))
    assert not any("missing" in note for note in blank.notes)
