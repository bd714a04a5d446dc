"""A sheet without some of its rows, and the computed values of formulas in a written workbook.

openpyxl moves and writes formulas and drops what they had computed, so that readers other than a
spreadsheet program would find these cells empty; `restore_computed` writes the values again.
"""

from __future__ import annotations

import re
import zipfile
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from openpyxl.formula.translate import Translator
from openpyxl.utils.cell import get_column_letter, range_boundaries
from openpyxl.utils.datetime import to_excel
from openpyxl.worksheet.formula import ArrayFormula

_FORMULA_CELL = re.compile(
    r'<c r="(?P<at>[A-Z]+[0-9]+)"(?P<style>(?: s="[0-9]+")?)[^>]*>(?P<formula><f\b.*?(?:</f>|/>))'
    r"<v\s*/?>(?:</v>)?</c>",
    re.DOTALL,
)
Values = Mapping[str, object]


def drop_rows(sheet: Any, dropped: Sequence[int]) -> None:
    """Take rows (from 1, ascending) out of a sheet; those below move up with all they carry.

    One pass over the sheet: openpyxl's delete_rows moves all later rows at each call.
    """
    if not dropped:
        return
    gone, place, last = set(dropped), dropped[0], sheet.max_row
    merged = [area for area in sheet.merged_cells.ranges if area.max_row >= place]
    moved_areas = [_area(area.bounds, gone) for area in merged]
    for area in merged:
        sheet.unmerge_cells(area.coord)
    for row in range(place, last + 1):
        if row in gone:
            continue
        for cell in sheet[row]:
            _move(cell, sheet.cell(place, cell.column))
        _move_row(sheet, row, place)
        place += 1
    sheet.delete_rows(place, last - place + 1)
    for bounds in moved_areas:
        if bounds is not None:
            left, top, right, bottom = bounds
            sheet.merge_cells(start_row=top, start_column=left, end_row=bottom, end_column=right)
    _shorten_tables(sheet, gone)


def new_row(row: int, dropped: Sequence[int]) -> int | None:
    """Return where a row is once `dropped` (ascending) are gone; None for one of them."""
    at = bisect_left(dropped, row)
    return None if at < len(dropped) and dropped[at] == row else row - at


def computed_values(formulas: Any, values: Any, row_of: Callable[[int], int | None]) -> Values:
    """Return what formulas of a sheet had computed, by the cell they are written to.

    Args:
        formulas, values: the sheet as formulas and as values.
        row_of: where a row is written; None for a row that is not.
    """
    found: dict[str, object] = {}
    for row, computed in zip(formulas.iter_rows(), values.iter_rows(), strict=True):
        for cell, value in zip(row, computed, strict=True):
            formula = cell.data_type == "f" or isinstance(cell.value, ArrayFormula)
            place = row_of(cell.row) if formula and value.value is not None else None
            if place is not None:
                found[f"{cell.column_letter}{place}"] = value.value
    return found


def restore_computed(path: Path, by_sheet: Sequence[Values]) -> None:
    """Write computed values into the formula cells of a workbook that openpyxl has saved.

    Args:
        by_sheet: for each worksheet, in order, the values by cell.
    """
    if not any(by_sheet):
        return
    written = path.with_name(f"{path.name}.computed")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(written, "w") as target:
        for info in source.infolist():
            content = source.read(info)
            number = re.fullmatch(r"xl/worksheets/sheet([0-9]+)\.xml", info.filename)
            at = int(number[1]) - 1 if number else len(by_sheet)
            if at < len(by_sheet) and by_sheet[at]:
                content = _filled(content.decode("utf-8"), by_sheet[at]).encode("utf-8")
            target.writestr(info, content)
    written.replace(path)


def _filled(text: str, values: Values) -> str:
    def cell(match: re.Match[str]) -> str:
        at = match["at"]
        if at not in values:
            return match[0]
        kind, value = _xml_value(values[at])
        return f'<c r="{at}"{match["style"]}{kind}>{match["formula"]}<v>{value}</v></c>'

    return _FORMULA_CELL.sub(cell, text)


def _xml_value(value: object) -> tuple[str, str]:
    """Return the type attribute and the text of a computed value."""
    if isinstance(value, bool):
        return ' t="b"', str(int(value))
    if isinstance(value, (datetime, date, time, timedelta)):
        return "", repr(to_excel(value))
    if isinstance(value, (int, float)):
        return "", repr(value)
    text = str(value)
    return (' t="e"' if text.startswith("#") else ' t="str"'), escape(text)


def _move(cell: Any, place: Any) -> None:
    place.value = _translated(cell.value, cell.coordinate, place.coordinate)
    place._style = copy(cell._style)
    place.hyperlink = copy(cell.hyperlink) if cell.hyperlink else None
    comment = cell.comment
    cell.comment = None
    place.comment = comment


def _translated(value: Any, origin: str, destination: str) -> Any:
    if isinstance(value, str) and value.startswith("="):
        return Translator(value, origin=origin).translate_formula(destination)
    return value


def _move_row(sheet: Any, row: int, place: int) -> None:
    for name in ("height", "hidden"):
        setattr(sheet.row_dimensions[place], name, getattr(sheet.row_dimensions[row], name))


def _area(bounds: tuple[int, int, int, int], gone: set[int]) -> tuple[int, int, int, int] | None:
    """Return where merged cells are once rows are gone; None where they lose all rows but one of
    one column, so that there is nothing to merge."""
    left, top, right, bottom = bounds
    kept = [row for row in range(top, bottom + 1) if row not in gone]
    if not kept or (len(kept) == 1 and left == right):
        return None
    start = top - sum(1 for row in gone if row < top)
    return left, start, right, start + len(kept) - 1


def _shorten_tables(sheet: Any, gone: set[int]) -> None:
    holders = [*sheet.tables.values(), *(table.autoFilter for table in sheet.tables.values())]
    for holder in [*holders, sheet.auto_filter]:
        if holder is not None and holder.ref:
            left, top, right, bottom = range_boundaries(holder.ref)
            lost = sum(1 for row in gone if top <= row <= bottom)
            above = sum(1 for row in gone if row < top)
            holder.ref = _reference(left, top - above, right, bottom - above - lost)


def _reference(left: int, top: int, right: int, bottom: int) -> str:
    return f"{get_column_letter(left)}{top}:{get_column_letter(right)}{bottom}"
