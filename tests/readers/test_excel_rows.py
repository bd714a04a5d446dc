"""Rows taken out of a sheet: what belongs to the others moves along."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from corrected import decide
from hypothesis import given
from hypothesis import strategies as st
from odd_files import ODD
from openpyxl.worksheet.table import Table

from dvaudit.readers import load, write_corrected
from dvaudit.readers.excel_copy import new_row


def sheet_file(path: Path) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["a", "kind", "label"])
    for i in range(8):
        sheet.append([i + 0.5, f"k{i}", "xy"[i % 2]])
    sheet.merge_cells("E3:E6")
    sheet.merge_cells("E8:F8")
    sheet["E3"], sheet["E8"] = "three to six", "eight"
    sheet.add_table(Table(displayName="Data", ref="A1:C9"))
    book.save(path)
    return path


def test_merged_cells_and_tables_shrink_with_the_rows(tmp_path: Path) -> None:
    path = sheet_file(tmp_path / "t.xlsx")
    roles = {"a": "numeric", "kind": "text", "label": "label"}
    book = openpyxl.load_workbook(path)
    book.active["E1"], book.active["F1"] = "more", "still more"
    book.save(path)
    data = load(path, roles={**roles, "more": "ignored", "still more": "ignored"})
    # Samples 0 and 3 are the sheet's rows 2 and 5.
    out = openpyxl.load_workbook(
        write_corrected(data, decide(**{"0": "drop", "3": "drop"}), tmp_path / "out")
    ).active
    assert [row[0].value for row in out.iter_rows(min_row=2)] == [1.5, 2.5, 4.5, 5.5, 6.5, 7.5]
    assert {area.coord for area in out.merged_cells.ranges} == {"E2:E4", "E6:F6"}
    assert (out["E2"].value, out["E6"].value) == ("three to six", "eight")
    assert out.tables["Data"].ref == "A1:C7"


@pytest.mark.parametrize("name", [name for name in ODD if name.startswith("excel")])
def test_formulas_keep_what_they_had_computed(tmp_path: Path, name: str) -> None:
    path = ODD[name].write(tmp_path)
    data = load(path, **ODD[name].load)
    out = write_corrected(data, decide(**{"1": "drop"}), tmp_path / "out")
    values = openpyxl.load_workbook(out, data_only=True)["Daten ü"]
    formulas = openpyxl.load_workbook(out)["Daten ü"]
    assert [cell.value for cell in values["E"]] == ["twice", 1, 5, 7, 9, 11]
    assert [cell.value for cell in formulas["E"]][1:] == [f"=A{row}*2" for row in range(2, 7)]


@given(st.sets(st.integers(1, 30)), st.integers(1, 30))
def test_a_kept_row_moves_up_by_the_rows_gone_above(gone: set[int], row: int) -> None:
    kept = [at for at in range(1, 31) if at not in gone]
    expected = kept.index(row) + 1 if row in kept else None
    assert new_row(row, sorted(gone)) == expected
